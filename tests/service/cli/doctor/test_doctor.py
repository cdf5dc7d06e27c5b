"""Each planted fault is found, with its remedy; what is well is left alone."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.cli.doctor.door import examine_door
from service.cli.doctor.finding import Finding
from service.gateways.presets import Gateway

pytestmark = pytest.mark.journey

VOLUME = "volume"  # says whether this very machine is a container, which no test can change


def ills(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {check for check, finding in findings.items() if not finding["ok"] and check != VOLUME}


def test_a_deployment_in_order_has_no_faults(start_ringback: Any, make_doctor: Any, simulate: Any) -> None:
    url = simulate("new-api")
    with start_ringback(RINGBACK_GATEWAY="new-api", RINGBACK_GATEWAY_URL=url) as service:
        doctor = make_doctor(url, preset="new-api", service=service)
        findings = doctor.find()
        assert ills(findings) == set()
        assert list(findings) == [
            *("settings", "rules", "disk", "volume", "ledger", "service", "paused", "effects"),
            *("deliveries", "gateway", "key", "clock", "hooks", "public_url"),
        ]
        assert "held by process" in findings["ledger"]["detail"]
        assert "arrived here" in findings["public_url"]["detail"]
        assert service.get("/v1/events").json()["events"] == [], "nothing was written"
        text = doctor.run().stdout
        assert "✓ public_url" in text
        assert "→" not in text or VOLUME in text


def test_without_the_service_all_else_is_still_looked_at(make_doctor: Any, simulate: Any, tmp_path: Path) -> None:
    findings = make_doctor(simulate()).find()
    assert ills(findings) == {"service"}
    assert "ringback serve" in findings["service"]["remedy"]
    assert "not there yet" in findings["ledger"]["detail"]
    assert list(tmp_path.iterdir()) == [], "it makes neither a ledger nor keys"


@pytest.mark.parametrize(
    ("dialect", "preset", "form", "remedy"),
    [
        ("midjourney-proxy", "new-api", "mj-api-secret", "RINGBACK_GATEWAY=midjourney-proxy"),
        ("trueai", "kuaiwenwen", "raw", "RINGBACK_GATEWAY=fuhuapi"),
    ],
)
def test_a_wrong_form_of_the_key(
    make_doctor: Any, simulate: Any, dialect: str, preset: str, form: str, remedy: str
) -> None:
    findings = make_doctor(simulate(dialect), preset=preset).find()
    assert not findings["key"]["ok"]
    assert f"takes it as '{form}'" in findings["key"]["detail"]
    assert remedy in findings["key"]["remedy"]
    assert f"`auth: {form}`" in findings["key"]["remedy"]
    assert findings["gateway"]["ok"]


def test_a_wrong_form_in_the_file_is_mended_there(make_doctor: Any, simulate: Any, tmp_path: Path) -> None:
    doctor = make_doctor(simulate(), RINGBACK_GATEWAY="", RINGBACK_GATEWAY_KEY="")
    (tmp_path / "ringback.yaml").write_text(
        f"gateways: [{{name: mine, preset: new-api, url: {doctor.environ.pop('RINGBACK_GATEWAY_URL')},"
        " key: gateway-key-0123456789}]"
    )
    assert doctor.find()["key"]["remedy"] == "Add `auth: mj-api-secret` to it in ringback.yaml."


def test_a_wrong_key(make_doctor: Any, simulate: Any) -> None:
    findings = make_doctor(simulate(), RINGBACK_GATEWAY_KEY="another-key-0123456789").find()
    assert "in every form" in findings["key"]["detail"]
    assert "RINGBACK_GATEWAY_KEY" in findings["key"]["remedy"]


def test_no_question_of_the_doctor_is_a_paid_one(make_doctor: Any, serve: Any) -> None:
    paths: list[str] = []

    async def refuse(request: Any) -> PlainTextResponse:
        paths.append(request.url.path)
        return PlainTextResponse("no", 401)

    url = serve(Starlette(routes=[Route("/{path:path}", refuse, methods=["GET", "POST"])]))
    make_doctor(url, RINGBACK_PUBLIC_URL="http://127.0.0.1:9").find()
    assert set(paths) == {"/mj/task/list-by-condition", "/api/status"}


def test_an_address_that_is_no_gateways(make_doctor: Any, serve: Any) -> None:
    async def page(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("<html>Welcome</html>")

    findings = make_doctor(serve(Starlette(routes=[Route("/{path:path}", page, methods=["GET", "POST"])]))).find()
    assert "is no gateway" in findings["gateway"]["detail"]
    assert "RINGBACK_GATEWAY_URL" in findings["gateway"]["remedy"]
    assert "key" not in findings


def test_a_gateway_out_of_reach(make_doctor: Any, unused_url: str) -> None:
    findings = make_doctor(unused_url).find()
    assert "is out of reach" in findings["gateway"]["detail"]
    assert "RINGBACK_GATEWAY_URL" in findings["gateway"]["remedy"]


def test_a_name_that_no_ledger_can_have(make_doctor: Any, unused_url: str, tmp_path: Path) -> None:
    findings = make_doctor(unused_url).find(RINGBACK_DATABASE=str(tmp_path / ("x" * 300)))
    assert "RINGBACK_DATABASE" in findings["settings"]["detail"]


@pytest.mark.parametrize(("skew", "way"), [(3600, "ahead of"), (-600, "behind")])
def test_a_skewed_clock(make_doctor: Any, simulate: Any, skew: float, way: str) -> None:
    findings = make_doctor(simulate(skew=skew)).find()
    assert not findings["clock"]["ok"]
    assert f"s {way} ours" in findings["clock"]["detail"]
    assert "NTP" in findings["clock"]["remedy"]


def test_stripped_hooks_that_the_gateway_owns_up_to(start_ringback: Any, make_doctor: Any, simulate: Any) -> None:
    url = simulate("new-api", strip_hook=1)
    with start_ringback(RINGBACK_GATEWAY="new-api", RINGBACK_GATEWAY_URL=url) as service:
        findings = make_doctor(url, preset="new-api", service=service).find()
        assert ills(findings) == {"hooks"}
        assert "mj_notify_enabled" in findings["hooks"]["detail"]
        assert "MjNotifyEnabled" in findings["hooks"]["remedy"]


def test_stripped_hooks_that_only_the_ledger_shows_with_and_without_the_service(
    start_ringback: Any, make_doctor: Any, simulate: Any
) -> None:
    url = simulate("midjourney-proxy-plus", strip_hook=1)
    with start_ringback(RINGBACK_GATEWAY_URL=url, RINGBACK_SILENT_AFTER="0.1") as service:
        for task in [service.open() for _ in range(3)]:
            assert service.get(f"/v1/tasks/{task['id']}", wait=10).json()["status"] == "SUCCESS"
        doctor = make_doctor(url, service=service)
        running = doctor.find()
        assert ills(running) == {"hooks"}
        assert "0 of its latest 3 endings" in running["hooks"]["detail"]
    stopped = doctor.find()
    assert stopped["hooks"] == running["hooks"]
    assert "nobody holds it" in stopped["ledger"]["detail"]


def test_an_unreachable_public_url(
    start_ringback: Any, make_doctor: Any, simulate: Any, unused_url: str, serve: Any
) -> None:
    url = simulate()

    async def missing(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("not here", 404)

    other = serve(Starlette(routes=[Route("/{path:path}", missing, methods=["POST"])]))
    with start_ringback(RINGBACK_GATEWAY_URL=url) as service:
        doctor = make_doctor(url, service=service)
        nowhere = doctor.find(RINGBACK_PUBLIC_URL=unused_url)
        assert ills(nowhere) == {"public_url"}
        assert "cannot be reached" in nowhere["public_url"]["detail"]
        assert "tunnel" in nowhere["public_url"]["remedy"]
        elsewhere = doctor.find(RINGBACK_PUBLIC_URL=other)
        assert "something else answers: HTTP 404" in elsewhere["public_url"]["detail"]
        strangers = doctor.find(RINGBACK_SECRET_KEYS="another-secret-0123456789")
        assert "other secret keys" in strangers["public_url"]["detail"]


def test_a_private_address_is_none_for_a_gateway_outside(run_async: Any) -> None:
    def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("nobody is to be called")

    async def look() -> Finding:
        outside = Gateway(name="g", url="https://1.1.1.1", key="k", auth="raw")
        async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as http:
            return await examine_door(http, "http://192.168.1.7:8000", ["secret-0123456789abcdef"], [outside])

    finding = run_async(look())
    assert "only this network knows" in finding.detail
    assert "tunnel" in finding.remedy


def test_mistakes_of_settings_and_rules_are_all_told_and_the_rest_is_looked_at(
    make_doctor: Any, simulate: Any, tmp_path: Path
) -> None:
    (tmp_path / "ringback.yaml").write_text("rules:\n  - id: a\n    on: task.suceeded\n    do: [click: U1]\n")
    findings = make_doctor(simulate(), RINGBACK_SILENT_AFTER="soon").find()
    assert {"settings", "rules"} <= ills(findings)
    assert "ringback.yaml:3" in findings["rules"]["detail"]
    assert "RINGBACK_SILENT_AFTER" in findings["settings"]["detail"]
    assert findings["key"]["ok"]


def test_a_public_url_that_cannot_be_read_is_not_taken_for_none(make_doctor: Any, simulate: Any) -> None:
    findings = make_doctor(simulate()).find(RINGBACK_PUBLIC_URL="ringback.example.com")
    assert "RINGBACK_PUBLIC_URL: a URL begins with" in findings["settings"]["detail"]
    assert findings["settings"]["remedy"].startswith("Mend it in the environment;")
    assert "public_url" not in findings


def test_a_ledger_that_is_none_and_a_folder_that_is_not_there(make_doctor: Any, simulate: Any, tmp_path: Path) -> None:
    doctor = make_doctor(simulate())
    (tmp_path / "ringback.db").write_bytes(b"x" * 5000)
    assert "cannot be read" in doctor.find()["ledger"]["detail"]
    findings = doctor.find(RINGBACK_DATABASE=str(tmp_path / "nowhere" / "ringback.db"))
    assert "no folder" in findings["disk"]["detail"]
    assert "ledger" not in findings


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Makes a folder's file system read-only, with what is in it; root may write into any other folder."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=False, capture_output=True)
    if mount.returncode != 0:
        pytest.skip("NOT TESTED: a read-only disk needs a file system of its own, and this user may not mount one")

    def freeze() -> Path:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        return disk

    (disk / "ringback.db").touch()
    try:
        yield freeze
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_read_only_disk_that_is_only_memory(
    make_doctor: Any, simulate: Any, read_only: Callable[[], Path], tmp_path: Path
) -> None:
    findings = make_doctor(simulate()).find(RINGBACK_DATABASE=str(read_only() / "ringback.db"))
    assert "cannot be written: Read-only file system" in findings["disk"]["detail"]
    assert "RINGBACK_DATABASE" in findings["disk"]["remedy"]
    assert "ledger" not in findings, "SQLite cannot read it there, which is no fault of the ledger"
    assert "tmpfs, memory" in findings[VOLUME]["detail"]
    assert "volume" in findings[VOLUME]["remedy"]

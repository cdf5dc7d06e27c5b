"""The stage of a journey: a gateway and a service as real processes, and the audit of both sides' books."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.journeys.letterbox import Letterbox
from tests.journeys.processes import API_KEY, GATEWAY_KEY, Gateway, Process, Service, find_port, wait_until
from tests.journeys.voice import MuteGateway

SECRET_KEY = "secret-0123456789abcdef"
RULES = [{"id": "first-picture", "on": "task.succeeded", "match": {"action": "IMAGINE"}, "do": [{"click": "U1"}]}]


class Member(NamedTuple):
    """One of several gateways of a service."""

    name: str
    options: dict[str, Any]  # of `ringback simulate`
    dialect: str = "midjourney-proxy-plus"
    preset: str = "midjourney-proxy"
    path: str = ""  # of its URL
    configured: dict[str, Any] | None = None  # what `ringback.yaml` says of it besides


class Stage:
    """Sets up gateways and services, and clears them away."""

    def __init__(self, directory: Path, exits: ExitStack) -> None:
        self.directory = directory
        self.processes: list[Process] = []
        self._exits = exits

    def gateway(self, dialect: str = "midjourney-proxy-plus", **options: Any) -> Gateway:
        """A simulated gateway, started; options are those of `ringback simulate`."""
        arguments = ["--dialect", dialect, "--key", GATEWAY_KEY, "--port", str(port := find_port())]
        for name, value in ({"seed": 7, "grid_seconds": 0.2, "upscale_seconds": 0.1} | options).items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        return self._start(Gateway("simulate", *arguments, port=port, directory=self.directory, env={}))

    def service(
        self,
        gateway: Gateway | MuteGateway,
        preset: str = "midjourney-proxy",
        *,
        mode: str = "",
        rules: list[dict[str, Any]] = RULES,
        **env: str,
    ) -> Service:
        """A service of that gateway, started, with one rule or these; an empty variable counts as not set."""
        named = {"RINGBACK_GATEWAY": preset, "RINGBACK_GATEWAY_KEY": GATEWAY_KEY}
        return self._serve({"rules": rules}, named | {"RINGBACK_GATEWAY_URL": gateway.url + mode} | env)

    def _serve(self, config: dict[str, Any], env: dict[str, str], written: str = "") -> Service:
        sections = [f"{name}: {json.dumps(section, ensure_ascii=False)}\n" for name, section in config.items()]
        (self.directory / "ringback.yaml").write_text("".join(sections) + written)  # JSON is YAML
        env = {
            "RINGBACK_PUBLIC_URL": f"http://127.0.0.1:{(port := find_port())}",
            "RINGBACK_API_KEYS": API_KEY,
            "RINGBACK_SECRET_KEYS": SECRET_KEY,
            "RINGBACK_SILENT_AFTER": "0.5",
            "PORT": str(port),
        } | env
        service = Service("serve", port=port, directory=self.directory, env=env)
        service.http.headers["authorization"] = f"Bearer {API_KEY}"
        return self._start(service)

    def gather(
        self,
        *members: Member,
        rules: list[Any] | None = None,
        groups: dict[str, list[str]] | None = None,
        written: str = "",
        **env: str,
    ) -> tuple[dict[str, Gateway], Service]:
        """Several gateways and a service of them all, started side by side, and all ready.

        `written` is the rest of its `ringback.yaml`, where the rules are a text.
        """
        gateways = {each.name: self.gateway(each.dialect, **each.options) for each in members}
        config = {
            "gateways": [
                {"name": each.name, "preset": each.preset, "url": gateways[each.name].url + each.path}
                | {"key": GATEWAY_KEY, **(each.configured or {})}
                for each in members
            ],
            "groups": groups or {},
            **({} if written else {"rules": rules or []}),
        }
        service = self._serve(config, env, written)
        for process in (*gateways.values(), service):
            process.await_ready()
        return gateways, service

    def play(
        self, preset: str, options: dict[str, Any], *, dialect: str | None = None, **settings: str
    ) -> tuple[Gateway, Service]:
        """A gateway and a service of it, started side by side, and both ready."""
        gateway = self.gateway(dialect or preset, **options)
        service = self.service(gateway, preset, **settings)
        gateway.await_ready()
        service.await_ready()
        return gateway, service

    @staticmethod
    def audit(gateway: Gateway, service: Service, ids: list[str]) -> dict[str, Any]:
        """Wait until every task has succeeded and the gateway is quiet, then compare the books; gives the gateway's.

        Each of the `ids` must have one child, its U1, and the gateway must have been paid once for each task.
        """
        done, wanted = "SELECT count(*) AS number FROM tasks WHERE status = 'SUCCESS'", 2 * len(ids)
        wait_until(lambda: service.ledger.rows(done)[0]["number"] >= wanted, f"{wanted} tasks have succeeded")
        wait_until(gateway.is_quiet, "the gateway is quiet")  # doubles that were still under way did no harm either
        tasks, books = service.ledger.tasks(), gateway.books()
        assert {task["status"] for task in tasks} == {"SUCCESS"}
        assert [task["id"] for task in tasks if task["parent_id"] is None] == ids
        children = [task for task in tasks if task["parent_id"] is not None]
        assert sorted(child["parent_id"] for child in children) == ids  # one child for each grid
        assert {(child["action"], child["button"], child["index"]) for child in children} == {("UPSCALE", "U1", 1)}
        # The gateway has seen each of our ids once, and no U of one grid twice.
        assert sorted(each["state"] for each in books["submissions"]) == [task["id"] for task in tasks]
        assert books["counts"]["submissions"] == wanted
        assert (books["double_spends"], books["repeated_states"]) == ([], [])
        assert service.ledger.lacks(books) == []
        return books

    def _start(self, process: Any) -> Any:
        process.start()
        self.processes.append(process)
        self._exits.callback(process.reap)
        return process


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as exits:
        stage = Stage(tmp_path, exits)
        yield stage
        for process in stage.processes:
            process.leave()  # all at once, which takes half the time


@pytest.fixture
def letters() -> Iterator[Letterbox]:
    """Where notifications arrive."""
    with closing(Letterbox()) as letters:
        yield letters


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the ends of the processes' logs beside a failure; the whole logs stay in the journey's tmp_path."""
    report = yield
    if report.failed and isinstance(stage := getattr(item, "funcargs", {}).get("stage"), Stage):
        report.sections += [(str(each.log_path), each.log[-2000:]) for each in stage.processes]
    return report

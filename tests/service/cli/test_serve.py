"""`ringback serve` as a process: how it starts, how it refuses to, what it says, and how it leaves."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from starlette.responses import JSONResponse

from hooks.receiver import PREFIX
from hooks.token import TokenSigner
from service.cli.serve import DRAIN, CannotListen, listen
from tests.journeys.processes import wait_until

pytestmark = pytest.mark.journey

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[3]
PATIENCE = 20.0  # seconds until a test gives up waiting
API_KEY = "api-0123456789abcdef"
KEYS = {"RINGBACK_API_KEYS": API_KEY, "RINGBACK_SECRET_KEYS": "secret-0123456789abcdef"}


def make_environ(**more: str) -> dict[str, str]:
    """The environment of the README's first example, plus or (with "") minus something."""
    base = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RINGBACK_GATEWAY": "midjourney-proxy",
        "RINGBACK_GATEWAY_URL": "http://127.0.0.1:9",
        "RINGBACK_GATEWAY_KEY": "gateway-key-0123456789",
        "RINGBACK_PUBLIC_URL": "http://127.0.0.1:8000",
    }
    return {name: value for name, value in (base | KEYS | more).items() if value}


def find_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Process:
    """One `ringback serve`, with what it said on stderr so far."""

    def __init__(self, directory: Path, environ: dict[str, str], command: str | list[str], port: int) -> None:
        self.log = directory / f"log-{port}-{time.monotonic_ns()}"
        self.url = f"http://127.0.0.1:{port}"
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                command,
                cwd=directory,
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=log,
                shell=isinstance(command, str),
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.popen.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", trust_env=False, verify=False).status_code == 200:
                    return
            time.sleep(0.02)

    def leave(self, number: int = signal.SIGTERM) -> int:
        """Ask it to leave; gives its exit status."""
        os.killpg(self.popen.pid, number)
        return self.popen.wait(PATIENCE)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `ringback serve` in tmp_path: `start(RINGBACK_LOG="debug")`, with `command=` something else."""
    started: list[Process] = []

    def start_one(
        command: str | list[str] | None = None, *, port: int | None = None, ready: bool = True, **more: str
    ) -> Process:
        port = port or find_port()
        wanted = command or [str(BIN / "ringback"), "serve"]
        process = Process(tmp_path, make_environ(**{"PORT": str(port)} | more), wanted, port)
        started.append(process)
        if ready:
            process.wait_until_ready()
        return process

    yield start_one
    for process in started:
        if process.popen.poll() is None:
            os.killpg(process.popen.pid, signal.SIGKILL)
            process.popen.wait(PATIENCE)


def call(process: Process, path: str, key: str = API_KEY) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(process.url + path, headers=headers, trust_env=False, verify=False)


# --- starting


def test_the_first_command_of_the_readme_works(start: Start) -> None:
    port, gateway = find_port(), find_port()
    command = (
        f"RINGBACK_GATEWAY=midjourney-proxy RINGBACK_GATEWAY_URL=http://127.0.0.1:{gateway}"
        f" RINGBACK_GATEWAY_KEY=gateway-key-0123456789 RINGBACK_PUBLIC_URL=http://127.0.0.1:{port}"
        " RINGBACK_API_KEYS=api-0123456789abcdef RINGBACK_SECRET_KEYS=secret-0123456789abcdef ringback serve"
    )
    process = start(command, port=port)
    assert call(process, "/v1/tasks").json() == {"tasks": [], "next": None}
    assert f"Ringback listens on {process.url}" in process.said
    assert f"Gateways call back at {process.url}/hooks/…" in process.said
    assert "0123456789" not in process.said


def test_the_procfile_works(start: Start) -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    (web,) = (line.removeprefix("web:").strip() for line in lines if line.startswith("web:"))
    process = start(web)
    assert call(process, "/v1/tasks").status_code == 200
    assert "Ringback listens on http://0.0.0.0:" in process.said


def test_keys_that_nobody_configured_are_made_and_announced_once(start: Start, tmp_path: Path) -> None:
    missing = dict.fromkeys(KEYS, "")
    first = start(**missing)
    (line,) = (line for line in first.said.splitlines() if line.startswith("An API key was made"))
    key = line.rpartition(" ")[2]
    assert call(first, "/v1/tasks", key).status_code == 200
    assert call(first, "/v1/tasks", "rb_wrong").status_code == 401
    kept = tmp_path / "ringback.db.keys"
    assert kept.stat().st_mode & 0o777 == 0o600
    secrets = kept.read_text()
    assert first.said.count(key) == 1
    first.leave()
    second = start(**missing)
    assert "was made" not in second.said
    assert key not in second.said
    assert call(second, "/v1/tasks", key).status_code == 200
    assert kept.read_text() == secrets


def test_a_start_that_fails_makes_no_key(start: Start, tmp_path: Path) -> None:
    missing = dict.fromkeys(KEYS, "")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = start(port=taken.getsockname()[1], ready=False, **missing)
        assert failed.popen.wait(PATIENCE) == 2
    (tmp_path / "folder").mkdir()
    misplaced = start(ready=False, RINGBACK_DATABASE="folder", **missing)
    assert misplaced.popen.wait(PATIENCE) == 2
    assert [path.name for path in tmp_path.iterdir() if "key" in path.name or "folder." in path.name] == []
    assert "was made" not in failed.said + misplaced.said
    assert "An API key was made" in start(**missing).said


# --- refusing to start


def write_foreign_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE tasks (id INTEGER)")
        db.commit()


FIVE_MISTAKES = """
rules:
  - id: a b
    on: task.suceeded
    match: {acton: IMAGINE}
    do:
      - clik: U1
      - click: U9
"""

REFUSALS: list[Any] = [
    pytest.param({"RINGBACK_GATEWAY": "midjourny-proxy"}, ["did you mean 'midjourney-proxy'?"], id="preset"),
    pytest.param({"RINGBACK_GATEWAY": ""}, ["RINGBACK_GATEWAY: not set"], id="no gateway"),
    pytest.param({"RINGBACK_GATEWAY_KEY": ""}, ["needs RINGBACK_GATEWAY_KEY"], id="no key"),
    pytest.param({"RINGBACK_API_KEYS": "short-secret"}, ["RINGBACK_API_KEYS: key 1 of 1 is shorter"], id="short key"),
    pytest.param({"PORT": "many"}, ["PORT: expected a port"], id="port"),
    pytest.param({"HOST": "203.0.113.1"}, ["Cannot listen on 203.0.113.1:"], id="host"),
    pytest.param({"HOST": "ü..example"}, ["there is no such host"], id="no host"),
    pytest.param({"RINGBACK_DATABASE": "."}, ["RINGBACK_DATABASE: "], id="a directory"),
    pytest.param({"RINGBACK_DATABASE": "text.db"}, ["text.db: cannot be opened as a ledger"], id="no database"),
    pytest.param({"RINGBACK_DATABASE": "foreign.db"}, ["schema"], id="another program's database"),
    pytest.param(
        {"RINGBACK_DATABASE": "none/ringback.db"}, ["RINGBACK_DATABASE: there is no folder"], id="no directory"
    ),
    pytest.param({"RINGBACK_CONFIG": "none.yaml"}, ["none.yaml: there is no such file"], id="no configuration"),
    pytest.param(
        {"RINGBACK_CONFIG": "five.yaml"},
        ["five.yaml:3:", "five.yaml:4:", "five.yaml:5:", "five.yaml:7:", "five.yaml:8:"],
        id="five mistakes",
    ),
    pytest.param({"PORT": "x", "RINGBACK_LOG": "y"}, ["PORT:", "RINGBACK_LOG:"], id="two mistakes"),
]


@pytest.mark.parametrize(("more", "says"), REFUSALS)
def test_what_keeps_it_from_starting_is_one_clear_line_each(
    start: Start, tmp_path: Path, more: dict[str, str], says: list[str]
) -> None:
    (tmp_path / "text.db").write_text("this is no database, but long enough to be asked about " * 20)
    (tmp_path / "five.yaml").write_text(FIVE_MISTAKES)
    write_foreign_database(tmp_path / "foreign.db")
    process = start(ready=False, **more)
    assert process.popen.wait(PATIENCE) == 2
    lines = process.said.splitlines()
    assert len(lines) == len(says), process.said
    for line, words in zip(lines, says, strict=True):
        assert words in line
    assert "Traceback" not in process.said
    assert "short-secret" not in process.said


def test_a_second_one_says_who_holds_the_ledger(start: Start) -> None:
    first = start()
    second = start(ready=False)
    assert second.popen.wait(PATIENCE) == 2
    (line,) = second.said.splitlines()
    assert f"in use by process {first.popen.pid} (" in line
    assert "RINGBACK_DATABASE" in line
    assert call(first, "/v1/tasks").status_code == 200


def test_a_port_that_is_taken_is_named(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(port=port, ready=False)
        assert process.popen.wait(PATIENCE) == 2
    (line,) = process.said.splitlines()
    assert f"127.0.0.1:{port}: Address already in use" in line


def test_listening_nowhere_is_a_value_that_can_be_told() -> None:
    with pytest.raises(CannotListen, match="there is no such host"):
        listen("ü..example", 0)


# --- changed rules

CATS = "rules: [{id: cats, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}]\n"
DOGS = CATS.replace("cats", "dogs")
FAILING = "tests: [{given: {event: task.succeeded, action: IMAGINE}, expect: {cats: [click U4]}}]\n"


def wait_for_rules(process: Process, *wanted: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        page = call(process, "/v1/rules").json()
        return page if [rule["id"] for rule in page["rules"]] == list(wanted) else None

    return dict(wait_until(look, f"{wanted} are the rules"))


def test_a_changed_file_is_taken_up_and_a_broken_one_is_told_of(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "ringback.yaml"
    config.write_text(CATS)
    process = start()
    config.write_text(DOGS)
    wait_for_rules(process, "dogs")
    config.write_text("rules: [{id: dogs, on: task.succeded}]\n")
    wait_until(lambda: call(process, "/v1/rules").json()["file"]["mistakes"], "the file is refused")
    page = call(process, "/v1/rules").json()
    assert [rule["id"] for rule in page["rules"]] == ["dogs"]
    ready = call(process, "/readyz")
    assert (ready.status_code, ready.json()["rules"].startswith("refused: 2 mistakes")) == (200, True)
    process.leave()
    assert "there is no event 'task.succeded' (did you mean 'task.succeeded'?)" in process.said


def test_a_hangup_has_the_file_and_the_env_file_read_at_once(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "ringback.yaml"
    config.write_text(CATS.replace("action: IMAGINE", "action: IMAGINE, state: '${CODE}'"))
    (tmp_path / ".env").write_text("CODE=1\n")
    process = start()
    before = wait_for_rules(process, "cats")["file"]["loaded_at"]
    (tmp_path / ".env").write_text("CODE=2\n")
    os.killpg(process.popen.pid, signal.SIGHUP)
    wait_until(lambda: 'event="rules loaded"' in process.said, "the file is read")
    assert wait_for_rules(process, "cats")["file"]["loaded_at"] > before
    assert process.popen.poll() is None


def test_a_file_whose_tests_fail_keeps_it_from_starting(start: Start, tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text(CATS + FAILING)
    process = start(ready=False)
    assert process.popen.wait(PATIENCE) == 2
    (line,) = process.said.splitlines()
    assert "ringback.yaml:2:" in line and "cats: expected click U4, found click U1" in line


def test_a_dry_run_lets_every_rule_decide_and_none_act(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "ringback.yaml"
    config.write_text(CATS)
    process = start([str(BIN / "ringback"), "serve", "--dry-run"])
    assert [rule["dry_run"] for rule in wait_for_rules(process, "cats")["rules"]] == [True]
    assert "It is a dry run" in process.said
    config.write_text(DOGS)
    assert [rule["dry_run"] for rule in wait_for_rules(process, "dogs")["rules"]] == [True]


# --- leaving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves_at_once_and_says_goodbye_to_streams(start: Start, number: int) -> None:
    process = start()
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept": "text/event-stream"}
    url = f"{process.url}/v1/events"
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE, trust_env=False, verify=False) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": ringback"
        began = time.monotonic()
        os.killpg(process.popen.pid, number)
        assert "event: goodbye" in list(lines)
        status = process.popen.wait(PATIENCE)
        took = time.monotonic() - began
    # 0.2 to 0.5 s where nothing else runs; who waits for the stream takes the whole DRAIN, and is told of.
    assert took < DRAIN
    assert "exceeded" not in process.said
    assert status in (0, -number, 128 + number)
    assert "Traceback" not in process.said


def test_it_waits_for_nobody_who_is_still_speaking(start: Start) -> None:
    process = start()
    with contextlib.ExitStack() as stack:

        def speak(method: str, path: str, *headers: str) -> BinaryIO:
            """Send no more than this, and wait until its body is asked for, if it has one."""
            address = ("127.0.0.1", int(process.url.rpartition(":")[2]))
            connection = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
            lines = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {API_KEY}", *headers)
            connection.sendall("\r\n".join(lines).encode())
            answer = stack.enter_context(connection.makefile("rb"))
            if "Expect: 100-continue" in headers:
                assert answer.readline() + answer.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
            return answer

        task = httpx.post(
            f"{process.url}/v1/tasks",
            json={"prompt": "x"},
            headers={"Authorization": f"Bearer {API_KEY}"},
            trust_env=False,
            verify=False,
        ).json()["id"]
        hook = PREFIX + TokenSigner([KEYS["RINGBACK_SECRET_KEYS"]]).mint(task, "AAAAAAAAAAA")
        half = ("Content-Type: application/json", "Content-Length: 10", "Expect: 100-continue", "", '{"')
        half_head = speak("GET", "/v1/tasks")
        half_bodies = [speak("POST", hook, *half), speak("POST", "/v1/tasks", *half)]
        waits = [speak("GET", f"{path}?wait=60", "", "") for path in (f"/v1/tasks/{task}", "/v1/events")]
        stream = speak("GET", "/v1/events", "Accept: text/event-stream", "", "")
        while stream.readline().strip() != b": ringback":
            pass  # whoever came before the stream has been heard, too
        os.killpg(process.popen.pid, signal.SIGTERM)
        assert half_head.read() == b""
        for answer in half_bodies:
            assert answer.readline() == b"HTTP/1.1 503 Service Unavailable\r\n"
            assert b"The service is about to stop." in answer.read()
        assert b"event: goodbye" in stream.read()
        for answer in waits:
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert process.popen.wait(PATIENCE) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert "Traceback" not in process.said
    assert "exceeded" not in process.said  # of the time for requests under way


def test_it_starts_again_where_it_left(start: Start) -> None:
    first = start()
    headers = {"Authorization": f"Bearer {API_KEY}"}
    opened = httpx.post(
        f"{first.url}/v1/tasks", json={"prompt": "一只猫"}, headers=headers, trust_env=False, verify=False
    ).json()
    first.leave(signal.SIGKILL)
    second = start()
    task = call(second, f"/v1/tasks/{opened['id']}").json()
    assert (task["prompt"], task["created_at"]) == ("一只猫", opened["created_at"])


# --- what its log says


def test_a_debug_log_tells_much_and_no_secret(start: Start, ringback: Any, tmp_path: Path) -> None:
    """The gateway is another test's; this service's hooks point to its own port."""
    gateway = ringback.gateway
    gateway.answer = lambda body: JSONResponse(
        {"code": 4, "description": f"{body['notifyHook']} with gateway-key-0123456789 cannot be called"}
        if body["prompt"] == "refuse"
        else {"code": 1, "result": gateway.ids[body["state"]], "properties": {"notifyHook": body["notifyHook"]}}
    )
    port = find_port()
    try:
        process = start(
            port=port,
            RINGBACK_LOG="debug",
            RINGBACK_GATEWAY_URL=gateway.url,
            RINGBACK_PUBLIC_URL=f"http://127.0.0.1:{port}",
        )
        headers = {"Authorization": f"Bearer {API_KEY}"}
        with httpx.Client(base_url=process.url, headers=headers, trust_env=False, verify=False) as http:
            opened = [http.post("/v1/tasks", json={"prompt": each}).json() for each in ("cat", "refuse")]
            hooks = [gateway.wait_for(task["id"])["notifyHook"] for task in opened]
            body = {"id": gateway.ids[opened[0]["id"]], "status": "SUCCESS", "properties": {"notifyHook": hooks[0]}}
            assert http.post(hooks[0], json=body).status_code == 200
            assert http.post(hooks[0], content=b"no task").status_code == 422
            assert http.post(hooks[0][:-1], json=body).status_code == 401
            assert http.get(hooks[0]).status_code == 405
            http.get(f"/v1/tasks/{opened[1]['id']}", params={"wait": 10})
            http.get(f"/v1/tasks/{hooks[0].rpartition('/')[2]}")
    finally:
        gateway.answer = None
    process.leave()
    said = process.said
    assert said.count("event=submitted") == 2
    assert f"task={opened[0]['id']}" in said
    assert "0123456789" not in said.replace(opened[0]["id"], "").replace(opened[1]["id"], "")
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("ringback.db*"))
    for hook in hooks:
        assert hook.rpartition(".")[2] not in said
        assert hook.rpartition(".")[2].encode() not in stored

"""The disk is full while callbacks stream in: nothing is acknowledged that was not recorded, and work goes on after."""

import resource
import signal
from contextlib import contextmanager, suppress

import httpx
import pytest

from tests.disks import small_disk
from tests.journeys.processes import wait_until

pytestmark = pytest.mark.fault
TASKS = 30
PAGE = 4096
MEGABYTES = 16  # room for the ledger and its log, which takes some 4 MB


@contextmanager
def full_disk(service, *, free=0):
    """Only so many bytes are free where the ledger is."""
    ballast = service.ledger.path.with_name("ballast")
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(b"\0" * PAGE)
        file.truncate(file.tell() - free)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def file_limit(service):
    """The service may make no file longer than a page, as with `ulimit -f`."""
    before = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=["full disk", "file limit"])
def trouble(request, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if request.param == "file limit":
        yield file_limit
    else:
        with small_disk(disk, MEGABYTES):
            yield full_disk


def test_nothing_is_acknowledged_while_the_disk_is_full_and_all_goes_on_after(trouble, stage):
    gateway, service = stage.play(
        "midjourney-proxy", {"grid_seconds": 1.5, "duplicate": 0.3}, RINGBACK_DATABASE="disk/ringback.db"
    )
    ids = service.submit_many(TASKS)
    wait_until(lambda: gateway.count("acknowledged") > TASKS, "callbacks stream in")
    with trouble(service):
        # A small commit or two may still fit into the last page of the ledger's log.
        wait_until(lambda: "nothing was recorded" in service.http.get("/readyz").text, "it cannot record")
        assert service.http.get("/readyz").status_code == 503
        assert service.http.get("/healthz").status_code == 200
        # The gateway's callbacks are refused, and so is one of our own, which would be news.
        refused = gateway.count("refused_by_receiver")
        wait_until(lambda: gateway.count("refused_by_receiver") > refused + 5, "callbacks are refused")
        task = next(task for task in service.ledger.tasks() if task["gateway_id"] and task["status"] != "SUCCESS")
        row = gateway.fetch(task["gateway_id"])
        news = {**row, "status": "SUCCESS", "progress": "100%"}
        answer = httpx.post(row["properties"]["notifyHook"], json=news, trust_env=False, verify=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        # No task is promised that could be forgotten.
        answer = service.http.post("/v1/tasks", json={"prompt": "no room"})
        assert answer.status_code == 503
        assert "nothing was recorded" in answer.json()["detail"]
        assert service.ledger.lacks(gateway.books()) == []
    wait_until(lambda: service.http.get("/readyz").status_code == 200, "it is ready again")
    ids.append(service.submit("there is room again"))
    stage.audit(gateway, service, ids)


@pytest.mark.parametrize(
    ("held_before", "free"), [(False, 0), (True, 0), (True, 9 * PAGE)], ids=["first", "later", "later, room to look"]
)
def test_a_start_on_a_full_disk_says_so_in_one_line(stage, tmp_path, held_before, free):
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, MEGABYTES):
        gateway = stage.gateway()
        service = stage.service(gateway, "midjourney-proxy", RINGBACK_DATABASE="disk/ringback.db")
        if held_before:
            gateway.await_ready()
            service.await_ready()
            service.submit_many(3)
            service.end(signal.SIGTERM)
        else:
            service.end(signal.SIGKILL)
            for file in disk.iterdir():
                file.unlink()
        with full_disk(service, free=free):
            said = len(service.log)
            service.start()
            assert service.wait() == 2, service.log
            (line,) = service.log[said:].splitlines()
            assert "No space left" in line or "full" in line or "disk I/O" in line
        service.restart()
        assert service.http.get("/readyz").status_code == 200

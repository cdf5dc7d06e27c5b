"""SIGKILL in the midst of the work: what was acknowledged stays, what was paid is paid once."""

import random
import signal
import threading

import httpx
import pytest

from tests.journeys.processes import wait_until

pytestmark = pytest.mark.fault
SEED = 20_261_123
LOST_AFTER = "3"  # seconds
PLUS = "midjourney-proxy-plus"


class Client(threading.Thread):
    """Submits prompts while the service comes and goes: each with its Idempotency-Key, until it is accepted."""

    def __init__(self, service, name, number):
        super().__init__()
        self._service, self._name, self._number = service, name, number
        self.ids = []

    def run(self):
        with httpx.Client(base_url=self._service.url, headers=self._service.http.headers, trust_env=False) as http:
            for place in range(self._number):
                key = f"{self._name}-{place}"
                self.ids.append(wait_until(lambda key=key: self._try(http, key), f"{key} is accepted"))

    def _try(self, http, key):
        try:
            answer = http.post("/v1/tasks", json={"prompt": f"一只猫 {key}"}, headers={"idempotency-key": key})
        except httpx.TransportError:
            return None
        return answer.json()["id"] if answer.status_code == 202 else None


def kill(service, gateway):
    """Kill the service and give the ledger as it lies there, having seen that it lacks nothing acknowledged."""
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    remains = service.ledger.copy("remains.db")
    # Strictest now: later callbacks, which would hide a gap, have not come yet.
    assert remains.lacks(gateway.books()) == []
    return remains


def settle(gateway, service):
    """Wait until every submission is accepted or lost, and every accepted task has ended; give the tasks."""
    open_ = "SELECT 1 FROM tasks WHERE NOT (submission = 'lost' OR (submission = 'accepted' AND status = 'SUCCESS'))"
    wait_until(lambda: not service.ledger.rows(open_), "nothing is stuck")
    wait_until(gateway.is_quiet, "the gateway is quiet")
    assert not service.ledger.rows(open_)
    return service.ledger.tasks()


def check_money(gateway, service, tasks):
    """The gateway knows each accepted task exactly once and each lost one never; each grid has its one U1."""
    books = gateway.books()
    paid = sorted(submission["state"] for submission in books["submissions"])
    assert paid == [task["id"] for task in tasks if task["submission"] == "accepted"]
    assert (books["double_spends"], books["repeated_states"]) == ([], [])
    grids = [task["id"] for task in tasks if task["parent_id"] is None and task["status"] == "SUCCESS"]
    assert sorted(task["parent_id"] for task in tasks if task["parent_id"] is not None) == grids
    assert len(service.ledger.rows("SELECT 1 FROM firings WHERE outcome = 'fired'")) == len(grids)
    assert service.ledger.lacks(books) == []


def test_no_acknowledged_callback_is_missing_and_no_grid_is_upscaled_twice(stage):
    chance = random.Random(SEED)
    vices = {"duplicate": 0.3, "reorder": 0.3, "grid_seconds": 1.5}
    gateway, service = stage.play("midjourney-proxy", vices, dialect=PLUS, RINGBACK_LOST_AFTER=LOST_AFTER)
    clients = []
    for life in range(5):
        client = Client(service, f"life {life}", 14)
        clients.append(client)
        client.start()
        goal = gateway.count("acknowledged") + chance.randrange(1, 80)
        wait_until(lambda goal=goal: gateway.count("acknowledged") >= goal, "callbacks stream in")
        accepted = list(client.ids)
        remains = kill(service, gateway)
        # A task that was answered with 202 is durable, too.
        assert set(accepted) <= {task["id"] for task in remains.tasks()}
        service.restart()
    for client in clients:
        client.join()
    tasks = settle(gateway, service)
    check_money(gateway, service, tasks)
    # Keys of Idempotency hold across kills: one root for each key, however often it was sent.
    roots = [task["id"] for task in tasks if task["parent_id"] is None]
    assert sorted(task_id for client in clients for task_id in client.ids) == roots
    assert len(roots) == 5 * 14


def test_submissions_caught_in_sending_are_settled_by_evidence(stage):
    chance = random.Random(SEED)
    # Callbacks come late and answers later or never, so that there is something to catch.
    vices = {"delay": 0.3, "answer_after_callback": 1, "never_answer": 0.3, "grid_seconds": 0.6}
    gateway, service = stage.play("midjourney-proxy", vices, dialect=PLUS, RINGBACK_LOST_AFTER=LOST_AFTER)
    caught = set()
    sending = "SELECT task_id FROM submissions WHERE state = 'sending'"
    for _ in range(4):
        service.submit_many(10)
        goal = chance.randrange(2, 10)
        wait_until(lambda goal=goal: len(service.ledger.rows(sending)) >= goal, "POSTs are under way")
        caught |= {row["task_id"] for row in kill(service, gateway).rows(sending)}
        service.restart()
    tasks = settle(gateway, service)
    check_money(gateway, service, tasks)
    assert len(caught) >= 8
    # Each one that was caught was in doubt once; none was sent again.
    assert caught <= service.ledger.sources("task.unknown").keys()
    assert {row["attempts"] for row in service.ledger.rows("SELECT attempts FROM submissions")} == {1}
    # By a callback with its token, or by a task found by its `state`, whichever came first; by no second answer.
    settled_by = {source for task_id, source in service.ledger.sources("task.submitted").items() if task_id in caught}
    assert settled_by
    assert settled_by <= {"callback", "fetch"}


def test_a_submission_without_evidence_is_lost_and_a_late_callback_revives_it(stage):
    # This gateway cannot be searched by `state`, and tells the hook to whoever fetches the task.
    vices = {"never_answer": 1, "drop": 1, "lag": 0}
    gateway, service = stage.play("kuaiwenwen", vices, RINGBACK_LOST_AFTER="1.5")
    task_id = service.submit("一只猫")
    (paid,) = wait_until(lambda: gateway.books()["submissions"], "the gateway has it")
    assert [task["submission"] for task in service.ledger.tasks()] == ["sending"]
    kill(service, gateway)
    service.restart()
    # A wait ends when the task is lost, not only when it ends. In doubt it was before, as its events tell below.
    lost = service.task(task_id, wait=20)
    assert (lost["submission"], lost["status"], lost["finished_at"]) == ("lost", "NOT_START", None)
    row = gateway.fetch(paid["id"])
    assert row["status"] == "SUCCESS"
    hook = row["properties"]["notifyHook"]
    assert httpx.post(hook, json=row, trust_env=False, verify=False).status_code == 200
    revived = service.task(task_id)
    assert (revived["submission"], revived["status"], revived["gateway_id"]) == ("accepted", "SUCCESS", paid["id"])
    kinds = [event["type"] for event in service.http.get(f"/v1/tasks/{task_id}/events").json()["events"]]
    assert kinds[:5] == ["task.unknown", "task.lost", "chain.settled", "task.submitted", "task.succeeded"]
    # Its U1 follows now; the grid itself was paid for once, by one POST.
    wait_until(lambda: gateway.count("clicks"), "its U1 is clicked")
    assert (gateway.count("imagine"), gateway.count("clicks"), gateway.count("refused")) == (1, 1, 0)

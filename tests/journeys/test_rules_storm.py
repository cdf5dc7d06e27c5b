"""Callbacks in any order, each twice, on many connections, with and without a SIGKILL: the rules decide what they would
have decided in calm weather, and what they may spend is spent to the last follow-up and not beyond.
"""

import random
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from hooks.token import TokenSigner
from tests.journeys.conftest import SECRET_KEY, Stage
from tests.journeys.ledger import Ledger
from tests.journeys.processes import Service, wait_until
from tests.journeys.voice import Callback, MuteGateway, Voice, make_callbacks, shuffle

pytestmark = pytest.mark.fault
SEED = 20_261_124
FEW = 7  # follow-ups a day of one rule
PER_ROOT = 2
RULES: list[dict[str, Any]] = [
    {"id": "cats", "on": "task.succeeded", "match": {"action": "IMAGINE", "prompt": {"word": "cat"}}}
    | {"do": [{"click": "U1"}]},
    {"id": "wide", "on": "task.succeeded", "match": {"action": "IMAGINE", "params.ar": "16:9", "tags": "wide"}}
    | {"do": [{"click": ["U1", "U2", "U3", "U4"]}]},
    {"id": "vary", "on": "task.succeeded", "match": {"action": "UPSCALE", "tags": "wide"}}
    | {"budget": {"per_root": PER_ROOT}, "do": [{"click": "Vary (Subtle)"}]},
    {"id": "explore", "on": "task.succeeded", "match": {"action": ["IMAGINE", "VARIATION"], "tags": "explore"}}
    | {"max_depth": 4, "budget": {"per_root": PER_ROOT}, "do": [{"click": "V1"}]},
    {"id": "few", "on": "task.succeeded", "match": {"action": "IMAGINE", "tags": "few"}}
    | {"budget": {"per_day": FEW, "policy": "drop"}, "do": [{"click": "V2"}]},
    {"id": "dry", "on": "task.succeeded", "match": {"action": "IMAGINE", "tags": "wide"}}
    | {"dry_run": True, "do": [{"click": "V3"}]},
    {"id": "half", "on": "task.progressed", "match": {"progress": {"gte": 50}}, "do": [{"tag": "half"}]},
    {"id": "again", "on": "task.failed", "match": {"fail_kind": "timeout"}}
    | {"attempts": {"max": 2, "backoff": ["1s"]}, "do": [{"resubmit": {}}]},
    {"id": "stubborn", "on": "task.failed", "match": {"prompt": {"prefix": "banned"}}}
    | {"attempts": {"max": 1}, "do": [{"resubmit": {}}]},
    {"id": "failed", "on": "task.failed", "match": {}, "do": [{"tag": "failed"}]},
    {"id": "four", "on": "chain.settled", "match": {"chain.succeeded.UPSCALE": {"gte": 4}}}
    | {"do": [{"tag": {"root": "four"}}]},
    {"id": "settled", "on": "chain.settled", "match": {}, "do": [{"tag": {"root": "settled"}}]},
]
# Which of the tasks a rule picks depends on who comes first: how many, does not. Or whether a callback came at all.
BY_TURN, BY_ARRIVAL = ("vary", "few"), ("half",)
ROOTS: list[dict[str, Any]] = [
    *({"prompt": f"a cat {number}"} for number in range(25)),
    *(
        {"prompt": f"a {'cat' if number % 2 else 'fox'} on a hill {number} --ar 16:9", "tags": ["wide"]}
        for number in range(16)
    ),
    *({"prompt": f"explore {number}", "tags": ["explore"]} for number in range(8)),
    *({"prompt": f"few {number}", "tags": ["few"]} for number in range(3 * FEW)),
    *({"prompt": f"list {number}", "then": ["U3", "U4"]} for number in range(8)),
    *({"prompt": f"late {number % 3 + 1} times, {number}"} for number in range(18)),
    *({"prompt": f"banned {number}"} for number in range(6)),
]
# The answer to a POST may be under way, or lost: its callbacks prove it.
AT_GATEWAY = (
    "SELECT tasks.*, nonce FROM tasks JOIN submissions ON task_id = tasks.id"
    " WHERE submissions.state IN ('sending', 'accepted', 'unknown') AND status NOT IN ('SUCCESS', 'FAILURE')"
    " ORDER BY tasks.id"
)
UNSETTLED = (
    "SELECT 1 FROM tasks WHERE status NOT IN ('SUCCESS', 'FAILURE')"
    " UNION ALL SELECT 1 FROM firings WHERE outcome = 'deferred'"
)
Order = Callable[[list[list[Callback]]], list[Callback]]


class Outcome(NamedTuple):
    """What came of a run, in words that do not depend on the ids of the tasks."""

    firings: Counter[tuple[Any, ...]]
    counted: Counter[tuple[Any, ...]]  # of the rules that choose by turn
    chains: dict[str, Counter[str]]  # the actions of the tasks under each root whose follow-ups nobody else can take


def find_fail_reason(task: dict[str, Any]) -> str | None:
    """Why a task is to fail: "late 2 times" does so by its first two attempts."""
    match task["prompt"].split():
        case ["late", times, *_] if task["attempt"] <= int(times):
            return "任务超时"
        case ["banned", *_]:
            return "Banned prompt detected"
    return None


def weather(service: Service, order: Order, *, kill_after: tuple[int, ...] = (), connections: int = 8) -> None:
    """Submit the roots, and call back about them and all that follows, until nothing is to come any more.

    The service is killed after so many callbacks of a batch; what it did not acknowledge is sent again.
    """
    ids = [service.submit(**root) for root in ROOTS]
    wait_until(lambda: len(service.ledger.rows(AT_GATEWAY)) == len(ids), "all are at the gateway")
    signer, told, kills = TokenSigner([SECRET_KEY]), set[str](), list(kill_after)

    def listen() -> bool:
        fresh = [task for task in service.ledger.rows(AT_GATEWAY) if task["id"] not in told]
        told.update(task["id"] for task in fresh)
        batch = order([make_callbacks(signer, task, find_fail_reason(task)) for task in fresh])
        while batch:
            unheard = []
            for number, callback in enumerate(voice.say(batch)):
                if callback is not None:
                    unheard.append(callback)
                if kills and number == kills[0]:
                    kills.pop(0)
                    assert service.end(signal.SIGKILL) == -signal.SIGKILL
            batch = unheard
            if batch:
                service.restart()
        return not service.ledger.rows(UNSETTLED)

    with Voice(int(service.url.rpartition(":")[2]), connections) as voice:
        wait_until(listen, "everything has settled")
    assert not kills


def read_outcome(ledger: Ledger) -> Outcome:
    tasks = {task["id"]: task for task in ledger.tasks()}

    def name(task_id: str) -> tuple[Any, ...]:
        task = tasks[task_id]
        above = () if task["parent_id"] is None else name(task["parent_id"])
        return (*above, task["button"] or task["prompt"], task["attempt"])

    firings, counted = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    rows = ledger.rows(
        "SELECT firings.rule, firings.task_id, firings.root_id, outcome, reason, type AS event,"
        " (SELECT group_concat(value ->> 'action' || ' ' || (value ->> 'result')) FROM json_each(actions)) AS came_to"
        " FROM firings JOIN events USING (seq)"
    )
    for row in rows:
        decided = (row["rule"], row["event"], row["outcome"], row["reason"], row["came_to"])
        if row["rule"] == "few":
            counted[decided] += 1
        elif row["rule"] in BY_TURN:
            counted[*decided, tasks[row["root_id"]]["prompt"]] += 1
        elif row["rule"] not in BY_ARRIVAL:
            firings[*decided, name(row["task_id"])] += 1
    chains = defaultdict[str, Counter[str]](Counter)
    for task in tasks.values():
        if "few" not in task["tags"]:
            chains[tasks[task["root_id"]]["prompt"]][task["action"]] += 1
    return Outcome(firings, counted, dict(chains))


def check_books(ledger: Ledger, gateway: MuteGateway) -> None:
    """Nothing was bought twice, no budget was exceeded or left, and each chain has settled once, with all its tasks."""
    assert set(gateway.submitted.values()) == {1}
    bought = Counter((task["origin"], task["root_id"]) for task in ledger.tasks())
    assert sum(number for (origin, _), number in bought.items() if origin == "rule:few") == FEW
    for origin in ("rule:vary", "rule:explore"):
        assert {number for (each, _), number in bought.items() if each == origin} == {PER_ROOT}, origin
    assert not any(origin == "rule:dry" for origin, _ in bought)
    settled = ledger.rows(
        "SELECT task_id, data ->> '$.chain.tasks' AS tasks FROM events WHERE type = 'chain.settled' ORDER BY task_id"
    )
    sizes = Counter(task["root_id"] for task in ledger.tasks())
    assert settled == [{"task_id": root_id, "tasks": size} for root_id, size in sorted(sizes.items())]
    once = ledger.rows("SELECT 1 FROM firings GROUP BY rule, task_id HAVING count(*) > 1")
    assert (len(sizes), once) == (len(ROOTS), [])


@pytest.fixture
def gateway() -> Iterator[MuteGateway]:
    with MuteGateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes of it where each callback arrives once and in order."""
    with MuteGateway() as gateway, ExitStack() as exits:
        service = serve(Stage(tmp_path_factory.mktemp("calm"), exits), gateway)
        exits.callback(service.leave)
        weather(service, lambda callbacks: [each for task in callbacks for each in task], connections=1)
        check_books(service.ledger, gateway)
        return read_outcome(service.ledger)


def serve(stage: Stage, gateway: MuteGateway) -> Service:
    service = stage.service(gateway, rules=RULES, RINGBACK_SILENT_AFTER="600", RINGBACK_LOG="warning")
    service.await_ready()
    return service


@pytest.mark.parametrize("kill_after", [(), (350, 200)], ids=["a storm", "a storm and two kills"])
def test_rules_decide_in_a_storm_what_they_decide_in_calm_weather(stage, gateway, calm, kill_after):
    chance = random.Random(SEED)
    service = serve(stage, gateway)
    weather(service, lambda callbacks: shuffle(callbacks, chance), kill_after=kill_after)
    check_books(service.ledger, gateway)
    outcome = read_outcome(service.ledger)
    assert outcome.firings == calm.firings
    assert outcome.counted == calm.counted
    assert outcome.chains == calm.chains
    # The weather was no calm one: what only some arrivals make a rule see, it has seen less of.
    (half,) = service.ledger.rows(
        "SELECT count(*) AS times, (SELECT count(*) FROM tasks) AS tasks FROM firings WHERE rule = 'half'"
    )
    assert 0 < half["times"] < half["tasks"]

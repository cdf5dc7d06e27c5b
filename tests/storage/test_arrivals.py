"""How endings became known, over a real ledger."""

from typing import TYPE_CHECKING, Any

from storage.adoption import adopt
from storage.arrivals import Arrival, list_arrivals, read_last_callback
from storage.ledger import record
from storage.records import Progress, Task
from storage.submissions import acknowledge, reject

if TYPE_CHECKING:
    from tests.conftest import Ledger

TOLD, ASKED, LATE = (True, True), (False, False), (False, True)


def fetch(ledger: "Ledger", task: Task, **claims: Any) -> None:
    ledger.do(record, task.id, None, Progress(**claims), "fetch")


def now(ledger: "Ledger") -> int:
    return int(ledger.clock.now * 1000)


def arrivals(ledger: "Ledger", *, gateway: str = "g", since: int = 0, limit: int = 50) -> list[tuple[bool, bool]]:
    found: list[Arrival] = ledger.ask(list_arrivals, gateway, since=since, limit=limit)
    return [(each.by_callback, each.heard) for each in found]


def test_each_ending_is_told_by_who_brought_it_newest_first(ledger: "Ledger") -> None:
    told, asked, late = (ledger.open_accepted(f"g{number}") for number in range(3))
    ledger.record(told, status="SUCCESS", progress=100)
    ledger.clock.now += 1
    fetch(ledger, asked, status="FAILURE")
    ledger.clock.now += 1
    ledger.record(late, status="IN_PROGRESS", progress=50)
    fetch(ledger, late, status="SUCCESS", progress=100)
    assert arrivals(ledger) == [LATE, ASKED, TOLD]
    assert arrivals(ledger, limit=1) == [LATE]
    assert arrivals(ledger, since=now(ledger)) == []  # submitted before
    assert arrivals(ledger, gateway="h") == []


def test_what_the_gateway_refused_or_others_submitted_says_nothing_of_hooks(ledger: "Ledger") -> None:
    refused = ledger.open()
    ledger.claim()
    ledger.do(reject, ledger.submission(refused).id, reason="no", kind="unknown", answer=None)
    adopted, _ = ledger.do(adopt, "g", "17", Progress(gateway_id="17", status="IN_PROGRESS", progress=3))
    fetch(ledger, adopted, gateway_id="17", status="SUCCESS", progress=100)
    ledger.open_accepted("g1")
    assert arrivals(ledger) == []


def test_the_last_callback_is_known_of_what_works_and_of_what_has_ended(ledger: "Ledger") -> None:
    def last(since: int = 0) -> Any:
        return ledger.ask(read_last_callback, "g", since=since)

    task = ledger.open_accepted("g1")
    assert last() is None
    ledger.record(task, status="IN_PROGRESS", progress=1)
    begun = now(ledger)
    assert last() == begun
    ledger.clock.now += 5
    ledger.record(task, status="SUCCESS", progress=100)
    assert last() == now(ledger)
    silent = ledger.open_accepted("g2")
    ledger.clock.now += 5
    fetch(ledger, silent, status="SUCCESS", progress=100)
    assert last() == begun + 5000
    assert last(since=now(ledger)) is None


def test_neither_walks_through_the_whole_history(ledger: "Ledger") -> None:
    """The first runs with every look of the reconciler."""

    def plan(query: Any, **options: Any) -> list[str]:
        plans: list[str] = []

        class Explaining:
            def __init__(self, db: Any) -> None:
                self.db = db

            def execute(self, statement: str, values: Any) -> Any:
                plans.extend(row[3] for row in self.db.execute(f"EXPLAIN QUERY PLAN {statement}", values))
                return self.db.execute(statement, values)

        ledger.ask(lambda db: query(Explaining(db), "g", **options))
        return plans

    for steps in (plan(list_arrivals, since=0, limit=50), plan(read_last_callback, since=0)):
        assert any("events_of_endings" in step for step in steps)
        assert [step for step in steps if step.startswith("SCAN") and "(subquery" not in step] == []


def test_a_submission_without_a_name_counts_as_well(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.claim()
    ledger.do(acknowledge, ledger.submission(task).id, None, "callback", None)
    ledger.record(task, status="SUCCESS", progress=100)
    assert arrivals(ledger) == [TOLD]

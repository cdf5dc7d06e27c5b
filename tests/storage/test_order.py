"""Order does not matter, and an event shows its task as it was: properties over random histories."""

from collections.abc import Callable
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.chains import is_settled
from storage.events import list_events, read_latest_seq
from storage.ledger import RANKS, UNKNOWN_RANK, open_window, record
from storage.openings import open_click, open_retry, open_task
from storage.queue import claim_due
from storage.reactions import React
from storage.records import ENDINGS, NewTask, Progress, Task
from storage.submissions import acknowledge, doubt, list_submissions, lose_task, postpone, reject
from storage.tasks import MUTABLE, read_task
from storage.transaction import Transaction, to_json
from storage.withdrawals import withdraw

FOREVER = 10**15  # milliseconds; later than any news of these tests

if TYPE_CHECKING:
    from tests.conftest import Ledger

STORIES = count()
STAMPS = {"updated_at", "submitted_at"}  # ours: when we heard of it
ENDING_EVENTS = ("task.succeeded", "task.failed", "task.cancelled")
RULES = (
    "id: first, on: task.succeeded, match: {depth: 0}, do: [click: U1]",
    "id: also, on: task.succeeded, match: {depth: 0}, do: [click: [U1, U2]]",
    "id: again, on: task.failed, match: {depth: 0}, do: [submit: {prompt: again}]",
    "id: done, on: chain.settled, do: [tag: done]",
)
STARTS = ("planned", "sending", "accepted", "unknown", "lost", "forgotten")


class Witness:
    """Lets the rules decide, and remembers the row of the task that each event was about."""

    def __init__(self, rules: React) -> None:
        self.rules = rules
        self.seen: list[tuple[str, Task]] = []

    def listens(self, event_type: str) -> bool:
        return True

    def __call__(self, event_type: str, task: Task, facts: Any) -> Any:
        self.seen.append((event_type, task))
        return self.rules(event_type, task, facts)


@pytest.fixture(scope="module")
def witness(reactor: Callable[..., React]) -> Witness:
    return Witness(reactor(*RULES))


@pytest.fixture(scope="module")
def shared(open_shared_ledger: "Callable[..., Ledger]", witness: Witness) -> "Ledger":
    return open_shared_ledger(react=witness)


def start(tx: Transaction, state: str) -> tuple[str, str]:
    """A new task whose submission is in that state; gives its id and its nonce.

    Each has a gateway to itself: the ids of the stories are the same, and at one gateway the tasks would be, too.
    """
    gateway = f"gateway {next(STORIES)}"
    task = open_task(tx, NewTask(gateway=gateway, action="IMAGINE", prompt="猫", origin="api", then=("V1",)))
    (submission,) = list_submissions(tx, task.id)
    if state != "planned":
        claimed = claim_due(tx, gateway=gateway, limit=100)
        assert submission.id in {each.submission.id for each in claimed}
    if state in ("unknown", "lost"):
        doubt(tx, submission.id, reason="no answer")
    if state in ("accepted", "forgotten"):
        acknowledge(tx, submission.id, "g1", "submit")
    if state in ("lost", "forgotten"):
        lose_task(tx, task.id, reason="silence", silent_since=FOREVER)
    return task.id, submission.nonce


def play(tx: Transaction, state: str, story: list[Progress]) -> tuple[str, list[str]]:
    """Record a story about a new task; gives its id and what became of each callback."""
    task_id, nonce = start(tx, state)
    said = []
    for progress in story:
        tx.now += 1000
        before = row_of(tx, task_id)
        said.append(record(tx, task_id, nonce, progress, "callback"))
        if said[-1] == "contradiction":
            before["gateway_id"] = before["gateway_id"] or progress.gateway_id  # a first id is welcome from anyone
            assert row_of(tx, task_id) == before, "a contradiction changed the row"
    return task_id, said


def row_of(tx: Any, task_id: str) -> dict[str, Any]:
    row = tx.execute(f"SELECT {', '.join(MUTABLE)}, asked_at IS NULL FROM tasks WHERE id = ?", (task_id,)).fetchone()
    return dict(zip((*MUTABLE, "left alone"), row, strict=True))


def without_stamps(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in STAMPS}


def height(task: Task) -> tuple[int, int]:
    return RANKS.get(task.status, UNKNOWN_RANK), -1 if task.progress is None else task.progress


def consequences(ledger: "Ledger", task: Task) -> list[Any]:
    """What rules made of a task, without the ids of this very chain."""
    firings = [
        (
            each.rule,
            each.outcome,
            each.reason,
            each.detail,
            [{name: value for name, value in action.items() if name != "task_id"} for action in each.actions],
        )
        for each in ledger.firings(task)
    ]
    children = [(each.action, each.button, each.index, each.origin, each.submission) for each in ledger.children(task)]
    return [sorted(firings, key=str), sorted(children, key=str)]


def progresses(
    statuses: tuple[str, ...], percents: tuple[int | None, ...], **fixed: Any
) -> st.SearchStrategy[Progress]:
    """Callbacks of few heights and differing content, so that ties are frequent."""
    contents: dict[str, Any] = {
        "gateway_id": st.sampled_from([None, "g1"]),
        "status": st.sampled_from(statuses),
        "progress": st.sampled_from(percents),
        "image_url": st.sampled_from([None, "https://cdn.example/a.png", "https://cdn.example/b.png"]),
        "video_urls": st.sampled_from([(), ("https://cdn.example/a.mp4",)]),
        "properties": st.sampled_from(
            [{}, {"finalPrompt": "红猫"}, {"finalPrompt": "黑猫"}, {"a": 1, "b": {"c": None}}]
        ),
        "started_at": st.sampled_from([None, 1_763_859_601_004]),
    }
    given = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in fixed.items()}
    return st.builds(Progress, **contents | given)


BEGUN = progresses(("NOT_START", "MODAL", "SUBMITTED", "IN_PROGRESS", "审核中", "QUEUED"), (None, 0, 30, 31, 100))


def endings(grid: Any) -> dict[str, st.SearchStrategy[Progress]]:
    """Pictures and properties vary; so do the buttons of a success, which are many, few, none, or without customId."""
    bare = tuple(msgspec.structs.replace(button, custom_id=None) for button in grid)
    return {
        "SUCCESS": progresses(
            ("SUCCESS",), (100,), buttons=st.sampled_from([grid, grid, (), grid[:1], grid[4:], bare])
        ),
        "FAILURE": progresses(("FAILURE",), (None,), fail_reason="违规", fail_kind="moderation", buttons=grid),
        "CANCEL": progresses(("CANCEL",), (None,), fail_kind="cancelled"),
    }


@st.composite
def two_orders(draw: st.DrawFn, grid: Any) -> tuple[str, list[Progress], list[Progress]]:
    """One set of callbacks that agree on the ending, as it comes twice: in other orders, with other repetitions."""
    ending = draw(st.sampled_from(["SUCCESS", "FAILURE", "CANCEL"]))
    told = draw(st.lists(BEGUN, max_size=6)) + draw(st.lists(endings(grid)[ending], max_size=3))
    if not told:
        told = [draw(BEGUN)]
    orders = [draw(st.permutations(told + draw(st.lists(st.sampled_from(told), max_size=4)))) for _ in range(2)]
    return draw(st.sampled_from(STARTS)), orders[0], orders[1]


@given(data=st.data())
def test_order_and_repetition_of_callbacks_do_not_matter(shared: "Ledger", data: st.DataObject) -> None:
    state, *orders = data.draw(two_orders(shared.grid))
    (one, _), (other, _) = [shared.do(play, state, order) for order in orders]
    rows = [shared.ask(row_of, task_id) for task_id in (one, other)]
    assert without_stamps(rows[0]) == without_stamps(rows[1])
    tasks = [shared.ask(read_task, task_id) for task_id in (one, other)]
    if tasks[0].ended and len({to_json(each.buttons) for each in orders[0] if each.ended}) == 1:
        assert consequences(shared, tasks[0]) == consequences(shared, tasks[1])
    settled = tasks[0].status == "CANCEL" or state in ("lost", "forgotten")
    assert {each.rule for each in shared.firings(tasks[0])} == {
        "SUCCESS": {"first", "also", "then"},
        "FAILURE": {"again"},
    }.get(tasks[0].status, set()) | ({"done"} if settled else set())
    for task in tasks:
        told = shared.ask(list_events, task=task.id, types=("chain.*",))[0]
        assert len(told) == (state in ("lost", "forgotten")) + (task.status == "CANCEL")
        clicks = [(child.action, child.index) for child in shared.children(task) if child.action == "UPSCALE"]
        assert len(clicks) == len(set(clicks)), "one picture was bought twice"
        events = shared.events(task)
        types = [event.type for event in events]
        heights = [height(event.task) for event in events if event.task]
        assert heights == sorted(heights), "the history stepped back"
        before = types[: types.index("task.submitted")]
        assert set(before) <= {"task.unknown", "task.lost"}
        assert types.count("task.submitted") == 1
        assert sum(types.count(kind) for kind in ENDING_EVENTS) == task.ended
        assert not any(kind == "task.contradicted" for kind in types)


@given(data=st.data())
def test_of_contradicting_endings_the_first_that_was_committed_stands(shared: "Ledger", data: st.DataObject) -> None:
    kinds = endings(shared.grid)
    first, second = data.draw(st.permutations(list(kinds)).map(lambda order: order[:2]))
    told = [data.draw(kinds[first]), data.draw(kinds[second])]
    told += data.draw(st.lists(st.one_of(BEGUN, *kinds.values()), max_size=6))
    story = data.draw(st.permutations(told))
    task_id, said = shared.do(play, data.draw(st.sampled_from(STARTS)), story)
    task = shared.ask(read_task, task_id)
    ended = [progress.status for progress in story if progress.status in ENDINGS]
    assert task.status == ended[0]
    assert said.count("contradiction") == sum(status != ended[0] for status in ended)
    events = shared.events(task)
    kept = [event.data["claim"]["status"] for event in events if event.type == "task.contradicted"]
    assert sorted(kept) == sorted(set(ended) - {ended[0]}), "each other ending is kept, once"
    assert sum(event.type in ENDING_EVENTS for event in events) == 1
    assert {each.rule for each in shared.firings(task)} - {"done"} == {
        "SUCCESS": {"first", "also", "then"},
        "FAILURE": {"again"},
    }.get(task.status, set())


def operations(grid: Any) -> st.SearchStrategy[tuple[str, Any]]:
    anything = st.one_of(BEGUN, *endings(grid).values())
    ids = st.sampled_from([None, "g1", "g2"])
    spoken = st.tuples(anything, ids).map(lambda pair: msgspec.structs.replace(pair[0], gateway_id=pair[1]))
    return st.one_of(
        st.tuples(st.just("record"), spoken),
        st.tuples(st.just("record"), spoken),
        st.tuples(st.just("acknowledge"), ids),
        st.tuples(st.sampled_from(["claim", "postpone", "expire", "reject", "doubt", "lose"]), st.none()),
        st.tuples(st.just("window"), st.sampled_from(["g1", "g2"])),
    )


def operate(tx: Transaction, task_id: str, operation: str, argument: Any) -> None:
    """One verb of the ledger, whatever state the task is in."""
    (submission,) = list_submissions(tx, task_id)
    tx.now += 1000
    match operation:
        case "record":
            record(tx, task_id, submission.nonce, argument, "callback")
        case "acknowledge":
            acknowledge(tx, submission.id, argument, "submit", {"code": 1})
        case "claim":
            tx.now += 1_000_000
            claim_due(tx, gateway=read_task(tx, task_id).gateway, limit=100)
        case "postpone":
            postpone(tx, submission.id, seconds=10, answer={"code": 23})
        case "expire":
            postpone(tx, submission.id, seconds=100_000, answer={"code": 23})
        case "reject":
            reject(tx, submission.id, reason="违规", kind="moderation", answer={"code": 24})
        case "doubt":
            doubt(tx, submission.id, reason="no answer")
        case "lose":
            lose_task(tx, task_id, reason="silence", silent_since=FOREVER)
        case "window":
            open_window(tx, submission.id, argument, {"code": 21})


def live(tx: Transaction, state: str, script: list[tuple[str, Any]]) -> tuple[str, dict[int, Task]]:
    """Live through a script; gives the task's id, and its row beside each contradiction, which no rule hears of."""
    task_id, _ = start(tx, state)
    rows: dict[int, Task] = {}
    for operation, argument in script:
        latest = read_latest_seq(tx)  # type: ignore[arg-type]
        operate(tx, task_id, operation, argument)
        seq = read_latest_seq(tx)  # type: ignore[arg-type]
        (kind,) = tx.execute("SELECT type FROM events WHERE seq = ?", (seq,)).fetchone()
        if seq != latest and kind == "task.contradicted":
            rows[seq] = read_task(tx, task_id)
    return task_id, rows


@given(data=st.data())
def test_an_event_shows_its_task_as_the_row_was_in_that_moment(
    shared: "Ledger", witness: Witness, data: st.DataObject
) -> None:
    witness.seen.clear()
    script = data.draw(st.lists(operations(shared.grid), max_size=14))
    task_id, rows = shared.do(live, data.draw(st.sampled_from(STARTS)), script)
    events, _ = shared.ask(list_events, task=task_id)
    contradictions = {event.seq: event.task for event in events if event.type == "task.contradicted"}
    assert contradictions == rows
    shown = [(event.type, event.task) for event in events if event.seq not in contradictions]
    assert shown == [(kind, task) for kind, task in witness.seen if task.id == task_id]


@given(data=st.data())
def test_a_chain_settles_once_each_time_that_its_last_task_ends(shared: "Ledger", data: st.DataObject) -> None:
    """A root, its follow-ups and their retries live through anything, in any order."""
    script = data.draw(st.lists(st.tuples(st.integers(0, 9), operations(shared.grid) | GROWTH), max_size=25))

    def live_on(tx: Transaction) -> None:
        root, _ = start(tx, "accepted")
        for place, (operation, argument) in script:
            members = [task_id for (task_id,) in tx.execute("SELECT id FROM tasks WHERE root_id = ?", (root,))]
            before, latest = is_settled(tx, root), read_latest_seq(tx)  # type: ignore[arg-type]
            chosen = read_task(tx, members[place % len(members)])
            grow_or_operate(tx, chosen, operation, argument, shared.grid)
            told = tx.execute(
                "SELECT type FROM events JOIN tasks ON tasks.id = task_id WHERE root_id = ? AND seq > ? ORDER BY seq",
                (root, latest),
            ).fetchall()
            types = [kind for (kind,) in told]
            ended = any(kind in (*ENDING_EVENTS, "task.lost") for kind in types)
            assert types.count("chain.settled") == (ended and is_settled(tx, root))
            assert before or not is_settled(tx, root) or types[-1] == "chain.settled", "it settled in silence"

    shared.do(live_on)


GROWTH = st.tuples(st.sampled_from(["click", "retry", "withdraw"]), st.none())


def grow_or_operate(tx: Transaction, task: Task, operation: str, argument: Any, grid: Any) -> None:
    match operation:
        case "click":
            open_click(tx, task, grid[5], origin="api")
        case "retry":
            open_retry(tx, task, origin="api")
        case "withdraw":
            withdraw(tx, task.id)
        case _:
            operate(tx, task.id, operation, argument)


@given(data=st.data())
def test_no_script_spends_twice_or_takes_an_acceptance_or_an_ending_back(shared: "Ledger", data: st.DataObject) -> None:
    script = data.draw(st.lists(operations(shared.grid), min_size=4, max_size=14))

    def watch(tx: Transaction) -> list[tuple[str, str, int]]:
        task_id, _ = start(tx, "planned")
        states = []
        for operation, argument in script:
            operate(tx, task_id, operation, argument)
            (submission,) = list_submissions(tx, task_id)
            task = read_task(tx, task_id)
            assert task.submission == submission.state, "the row says what its submission is"
            states.append((submission.state, task.status, submission.attempts))
        return states

    states = shared.do(watch)
    for (before, status, attempts), (after, later, more) in pairwise(states):
        if before == "accepted":
            assert after in ("accepted", "lost")
        if before in ("unknown", "lost", "rejected"):
            assert after not in ("planned", "sending"), "it would be POSTed a second time"
        if before == "rejected":
            assert after in ("rejected", "accepted")
        if status in ENDINGS:
            assert later == status
        assert more == attempts or (before, after) == ("planned", "sending")


def test_a_status_that_nobody_told_us_of_stands_between_submitted_and_in_progress(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    shown = []
    for status in ("SUBMITTED", "审核中", "SUBMITTED", "IN_PROGRESS", "审核中"):
        ledger.record(task, status=status)
        shown.append(ledger.task(task).status)
    assert shown == ["SUBMITTED", "审核中", "审核中", "IN_PROGRESS", "IN_PROGRESS"]
    assert ledger.told(task) == ["task.submitted", *["task.progressed"] * 3]


def test_progress_that_goes_back_is_known_and_changes_nothing(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    assert ledger.record(task, status="IN_PROGRESS", progress=62) == "news"
    before = ledger.task(task)
    for older in (("IN_PROGRESS", 31), ("IN_PROGRESS", None), ("SUBMITTED", 100), ("NOT_START", 0), ("MODAL", 99)):
        assert ledger.record(task, status=older[0], progress=older[1], image_url="https://cdn.example/old") == "known"
    assert ledger.task(task) == before
    assert len(ledger.events(task)) == 2


def test_of_two_progresses_of_one_height_the_one_that_says_more_is_shown_without_an_event(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    ledger.record(task, status="SUCCESS", progress=100, properties={"finalPrompt": "a very long text"})
    assert ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid) == "known"
    assert ledger.record(task, status="SUCCESS", progress=100, image_url="https://cdn.example/a.png") == "known"
    task = ledger.task(task)
    assert (task.buttons, task.image_url, task.properties) == (ledger.grid, None, {}), "one Progress, whole"
    assert ledger.told(task) == ["task.submitted", "task.succeeded"]

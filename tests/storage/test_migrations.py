"""The schema: from nothing to now, all of it or none."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

import storage.migrations
from storage.adoption import find_by_gateway_id, read_first_doubt
from storage.chains import is_settled, read_chain
from storage.deferrals import resume_due
from storage.effects import claim_effects, list_effects, list_turns, plan_download, retry_failed
from storage.errors import LedgerError, LedgerTooNew, LedgerUnavailable
from storage.events import has_ending_since, list_events, read_latest_seq
from storage.facts import LedgerFacts
from storage.firings import list_firings
from storage.gateway_ids import list_silent, mark_asked
from storage.idempotency import answer_once
from storage.ledger import open_window
from storage.migrations import migrate
from storage.openings import open_click, open_retry
from storage.pauses import pause, resume
from storage.queue import claim_due, count_orphans, count_outstanding, count_places, list_sent_since, read_next_due
from storage.reactions import Download
from storage.submissions import doubt, doubt_interrupted, list_submissions, lose_overdue, postpone, reject
from storage.tasks import add_tags, list_chain, list_tasks

if TYPE_CHECKING:
    from tests.conftest import Ledger

TABLES = {
    *("tasks", "submissions", "gateway_ids", "events", "firings", "idempotency_keys", "holder", "polls", "pauses"),
    "effects",
}

# Whose spending budgets ask for.
SPENDING = ({}, {"rule": "r"}, {"rule": "then"}, {"rule": "r", "root_id": "8000000000000001"})


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "ringback.db", isolation_level=None)
    yield connection
    connection.close()


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()


def test_nothing_becomes_the_schema_of_today(connection: sqlite3.Connection) -> None:
    migrate(connection)
    strict = {name: row for (name, *row) in connection.execute("SELECT name, strict FROM pragma_table_list")}
    assert strict.keys() >= TABLES
    assert {name for name in TABLES if strict[name] != [1]} == set(), "every table of ours is STRICT"


def test_a_second_time_changes_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection)
    before = schema(connection), connection.execute("SELECT * FROM _sqlite_migrations").fetchall()
    migrate(connection)
    assert (schema(connection), connection.execute("SELECT * FROM _sqlite_migrations").fetchall()) == before


def test_seqs_are_never_used_again(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    ledger.record(task, status="SUBMITTED")
    last = ledger.events(task)[-1].seq
    ledger.do(lambda tx: tx.execute("DELETE FROM events WHERE seq = ?", (last,)).rowcount)
    ledger.record(task, status="IN_PROGRESS")
    assert ledger.events(task)[-1].seq == last + 1


def test_a_wrong_type_and_a_missing_parent_are_refused_by_the_database(ledger: "Ledger") -> None:
    ledger.open()
    for statement in (
        "UPDATE tasks SET progress = 'half'",
        "UPDATE tasks SET parent_id = '8000000000000001'",
        "INSERT INTO events (task_id, type, time, source, changes) VALUES ('nobody', 't', 0, 's', '{}')",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            ledger.do(lambda tx, statement=statement: tx.execute(statement) and None)


def test_a_ledger_of_the_future_is_left_as_it_is(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ringback', 'x', '')")
    before = list(connection.iterdump())
    with pytest.raises(LedgerTooNew):
        migrate(connection)
    assert list(connection.iterdump()) == before


FORMER = ("begin_the_ledger", "add_pictures_and_prices", "add_the_holder", "count_polls")  # of the first release


@pytest.fixture
def former(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of the first release: a grid, its U1 by a rule, and what rules decided; its last event was deleted."""
    path = tmp_path / "ringback.db"
    migrations = Migrations("ringback")
    for migration in storage.migrations.ledger._migrations:
        if migration.name in FORMER:
            migrations._migrations.append(migration)
    connection = sqlite3.connect(path, isolation_level=None)
    with monkeypatch.context() as patch:
        patch.setattr(storage.migrations, "ledger", migrations)
        migrate(connection)
    for task_id, parent_id, origin in (
        ("8000000000000001", None, "api"),
        ("8000000000000002", "8000000000000001", "rule:a"),
    ):
        connection.execute(
            "INSERT INTO tasks (id, gateway, action, status, params, video_urls, buttons, parent_id, root_id, depth,"
            ' origin, tags, submission, created_at, updated_at, properties, "then", loose)'
            " VALUES (?, 'g', 'IMAGINE', 'SUCCESS', '{}', '[]', '[]', ?, '8000000000000001', 0, ?, '[\"红\"]',"
            " 'accepted', 1, 2, '{}', '[]', 0)",
            (task_id, parent_id, origin),
        )
        connection.execute(
            "INSERT INTO submissions (task_id, kind, state, nonce, request, attempts, expires_at, created_at)"
            " VALUES (?, 'submit', 'accepted', 'n', '{}', 1, 9, 1)",
            (task_id,),
        )
    whole = '{"status":"SUCCESS","tags":["红"],"video_urls":[],"buttons":[],"properties":{},"submission":"accepted",'
    whole += '"updated_at":2,"progress":null,"finished_at":null}'
    for task_id, kind in (("8000000000000001", "task.succeeded"), ("8000000000000002", "task.succeeded")):
        for event_type in ("task.submitted", kind):
            connection.execute(
                "INSERT INTO events (task_id, type, time, source, changes, data) VALUES (?, ?, 5, 'callback', ?, ?)",
                (task_id, event_type, whole, '{"reason":"x"}'),
            )
    connection.execute("DELETE FROM events WHERE seq = 4")
    clicks = '[{"button":"U1","result":"opened","task_id":"8000000000000002"},'
    clicks += '{"button":"🔄","result":"exists","task_id":"8"}]'
    for rule, outcome, reason, kept in (("a", "fired", None, clicks), ("b", "blocked", "depth", "[]")):
        connection.execute(
            "INSERT INTO firings (rule, version, task_id, seq, outcome, reason, detail, clicks, created_at)"
            " VALUES (?, 'v', '8000000000000001', 2, ?, ?, ?, ?, 7)",
            (rule, outcome, reason, reason, kept),
        )
    connection.execute(
        "INSERT INTO firings SELECT 9, 'c', version, '8000000000000002', seq, outcome, reason, detail,"
        " clicks, created_at FROM firings WHERE rule = 'b'"
    )
    connection.execute("DELETE FROM firings WHERE id = 9")
    connection.close()
    return path


def test_a_former_ledger_keeps_its_history_its_firings_and_its_numbers(
    former: Path, open_ledger: "Callable[..., Ledger]", connection: sqlite3.Connection
) -> None:
    ledger = open_ledger(former.name)
    events, _ = ledger.ask(list_events)
    assert [(event.seq, event.type, event.task and event.task.id, event.data) for event in events] == [
        (1, "task.submitted", "8000000000000001", {"source": "callback", "reason": "x"}),
        (2, "task.succeeded", "8000000000000001", {"source": "callback", "reason": "x"}),
        (3, "task.submitted", "8000000000000002", {"source": "callback", "reason": "x"}),
    ]
    assert [event.task and (event.task.tags, event.task.attempt, event.task.retry_of) for event in events] == [
        (("红",), 1, None)
    ] * 3
    fired, blocked = ledger.ask(list_firings)
    assert (fired.rule, fired.outcome, fired.root_id, fired.seq) == ("a", "fired", "8000000000000001", 2)
    assert fired.actions == (
        {"action": "click", "button": "U1", "result": "opened", "task_id": "8000000000000002"},
        {"action": "click", "button": "🔄", "result": "exists", "task_id": "8"},
    )
    assert (blocked.reason, blocked.detail, blocked.actions) == ("depth", "depth", ())
    assert (blocked.next_at, blocked.created_at, blocked.updated_at) == (None, 7, 7)
    ledger.do(pause, "a", origin="cli")
    assert ledger.ask(list_events)[0][-1].seq == 5, "a seq is never used again"
    insert = (
        "INSERT INTO firings (rule, version, task_id, root_id, seq, outcome, actions, created_at, updated_at)"
        " VALUES ('d', 'v', '8000000000000001', '8000000000000001', 1, 'fired', '[]', 0, 0)"
    )
    assert ledger.do(lambda tx: tx.execute(insert).lastrowid) == 10, "nor is the id of a firing"
    migrated, fresh = sqlite3.connect(former), connection
    if not schema(fresh):
        migrate(fresh)
    assert schema(migrated) == schema(fresh)
    assert migrated.execute("PRAGMA foreign_key_check").fetchall() == []
    migrated.close()


def test_other_peoples_migrations_in_the_same_file_are_not_ours(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('others', 'x', '')")
    migrate(connection)


def test_a_migration_that_fails_leaves_nothing_of_itself(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = Migrations("ringback")
    monkeypatch.setattr(storage.migrations, "ledger", migrations)

    @migrations()
    def whole(database: Database) -> None:
        database.conn.execute("CREATE TABLE one (a TEXT) STRICT")

    @migrations()
    def broken(database: Database) -> None:
        database.conn.execute("CREATE TABLE two (a TEXT) STRICT")
        database.conn.execute("INSERT INTO nowhere VALUES (1)")

    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="brought up to date") as told:
            migrate(connection)
        assert isinstance(told.value, LedgerError)
        assert [name for name, _ in schema(connection) if name in ("one", "two")] == ["one"]


def test_no_verb_or_query_of_every_day_walks_through_a_whole_table(ledger: "Ledger") -> None:
    """Plans are made from the schema alone, so that a small ledger tells what a large one would suffer."""
    asked: list[str] = []
    ledger.store._connection.set_trace_callback(asked.append)
    reader = ledger.ask(lambda db: db)
    reader.set_trace_callback(asked.append)
    parent = ledger.open_grid(then=("U1",))
    ledger.do(open_click, parent, ledger.grid[0], origin="api")
    ledger.claim()
    key = ledger.submission(parent).id
    for verb, arguments in (
        (postpone, {"seconds": 1, "answer": {}}),
        (doubt, {"reason": ""}),
        (reject, {"reason": "", "kind": "", "answer": None}),
        (open_window, {"gateway_id": "g1", "answer": {}}),
    ):
        ledger.do(verb, key, **arguments)
    ledger.do(doubt_interrupted)
    ledger.do(lose_overdue, before=1)
    ledger.do(claim_due, gateway="g", groups=("all",), limit=9)
    ledger.do(mark_asked, [parent.id])
    ledger.do(answer_once, "key", "", lambda: (200, ""))
    ledger.record(parent, status="FAILURE")
    ledger.do(resume_due)
    ledger.do(add_tags, parent.id, ("x",))
    ledger.do(open_retry, ledger.task(parent), origin="rule:r")
    ledger.do(pause, "*", origin="cli")
    ledger.do(resume, "*")
    ledger.do(claim_effects, [1, 2])
    ledger.do(retry_failed, rule="r")
    with pytest.raises(sqlite3.IntegrityError):  # no firing owes it
        ledger.do(lambda tx: plan_download(tx, 1, Download(task_id=parent.id, url="u", path="p")))
    for query, arguments in (
        (list_tasks, {"root": parent.id}),
        (list_tasks, {"state": "x"}),
        (list_tasks, {"before": parent.id}),
        (list_chain, {"task_id": parent.id}),
        (list_events, {"task": parent.id}),
        (list_events, {"after": 1, "types": ("task.*",)}),
        (list_firings, {"task": parent.id}),
        (list_firings, {"root": parent.id}),
        (list_firings, {"rule": "r"}),
        (list_firings, {"outcome": "deferred"}),
        (read_chain, {"root_id": parent.id}),
        (is_settled, {"root_id": parent.id}),
        (list_turns, {"kind": "notify", "now": 9}),
        (list_effects, {"task": parent.id}),
        (list_effects, {"firing": 1}),
        (LedgerFacts.count_firings, {"rule": "r", "root_id": parent.id}),
        *((LedgerFacts.count_follow_ups, {"window": 1, **more}) for more in SPENDING),
        *((LedgerFacts.iter_spending, {"window": 1, **more}) for more in SPENDING),
        (read_next_due, {"gateway": "g", "now": 9}),
        (read_next_due, {"gateway": "g", "now": 9, "groups": ("all",)}),
        (count_outstanding, {"gateway": "g"}),
        (count_places, {"gateway": "g", "since": 1}),
        (read_first_doubt, {"gateway": "g"}),
        (count_orphans, {"gateways": ("g",)}),
        (list_sent_since, {"gateway": "g", "since": 1, "until": 9}),
        (list_submissions, {"task_id": parent.id}),
        (find_by_gateway_id, {"gateway": "g", "gateway_id": "g1"}),
        (has_ending_since, {"gateway": "g", "seq": 1}),
        (read_latest_seq, {}),
        (list_silent, {"gateway": "g", "now": 9, "silent_after": 1, "longest": 9, "limit": 9}),
    ):
        if query.__qualname__.startswith("LedgerFacts."):
            found = ledger.ask(lambda db, query=query, arguments=arguments: query(LedgerFacts(db, 9), **arguments))
            list(found if isinstance(found, Iterator) else ())
        else:
            ledger.ask(query, **arguments)
    ledger.store._connection.set_trace_callback(None)
    reader.set_trace_callback(None)
    walks = {
        (step[-1], statement)
        for statement in asked
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))
        for step in ledger.sql(f"EXPLAIN QUERY PLAN {statement}")
        if re.fullmatch(r"SCAN (tasks|submissions|events|firings|gateway_ids|idempotency_keys|effects)", step[-1])
    }
    assert walks == set()

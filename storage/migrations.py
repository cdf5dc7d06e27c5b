"""The schema, told as the story of its changes. A ledger on disk is always brought up to date."""

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from storage.errors import LedgerTooNew, LedgerUnavailable, LedgerUnreadable

ledger = Migrations("ringback")


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every migration that this ledger lacks, each in a transaction of its own.

    Raises LedgerTooNew when the ledger knows one that this version does not.
    """
    database = Database(connection, execute_plugins=False)
    try:
        known = {migration.name for migration in ledger._migrations}
        strangers = [applied.name for applied in ledger.applied(database) if applied.name not in known]
        if strangers:
            raise LedgerTooNew
        ledger.apply(database)
    except sqlite3.DatabaseError as error:
        kind = LedgerUnavailable if isinstance(error, sqlite3.OperationalError) else LedgerUnreadable
        raise kind(f"The ledger's schema cannot be brought up to date: {error}") from error


def _run(database: Database, script: str) -> None:
    """Run statements one by one: `executescript` would commit the migration's transaction."""
    for statement in filter(str.strip, script.split(";")):
        database.conn.execute(statement)


@ledger()
def begin_the_ledger(database: Database) -> None:
    """Tasks, what was paid for them, their ids elsewhere, their history, and what rules decided.

    Times are milliseconds since the epoch. JSON stands as text. Ids are text: a gateway's need not fit 64 bits.
    """
    _run(
        database,
        """
        CREATE TABLE tasks (
            id TEXT PRIMARY KEY,
            gateway TEXT NOT NULL,
            gateway_id TEXT,
            action TEXT NOT NULL,
            button TEXT,
            button_kind TEXT,
            "index" INTEGER,
            status TEXT NOT NULL,
            progress INTEGER,
            prompt TEXT,
            params TEXT NOT NULL,
            image_url TEXT,
            video_urls TEXT NOT NULL,
            buttons TEXT NOT NULL,
            fail_reason TEXT,
            fail_kind TEXT,
            parent_id TEXT REFERENCES tasks(id),
            root_id TEXT NOT NULL,
            depth INTEGER NOT NULL,
            origin TEXT NOT NULL,
            tags TEXT NOT NULL,
            state TEXT,
            submission TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            submitted_at INTEGER,
            started_at INTEGER,
            finished_at INTEGER,
            properties TEXT NOT NULL,
            "then" TEXT NOT NULL,
            asked_at INTEGER,
            loose INTEGER NOT NULL
        ) STRICT;

        CREATE INDEX tasks_of_a_chain ON tasks(root_id, id);
        CREATE INDEX tasks_of_a_parent ON tasks(parent_id) WHERE parent_id IS NOT NULL;
        CREATE INDEX tasks_to_ask_about ON tasks(gateway, asked_at) WHERE asked_at IS NOT NULL;
        CREATE INDEX tasks_of_a_client ON tasks(state) WHERE state IS NOT NULL;

        CREATE TABLE submissions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            task_id TEXT NOT NULL REFERENCES tasks(id),
            kind TEXT NOT NULL,
            state TEXT NOT NULL,
            nonce TEXT NOT NULL,
            request TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next_at INTEGER,
            expires_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            sent_at INTEGER,
            answer TEXT
        ) STRICT;

        CREATE INDEX submissions_of_a_task ON submissions(task_id);
        CREATE INDEX submissions_due ON submissions(next_at) WHERE state = 'planned';
        CREATE INDEX submissions_in_doubt ON submissions(sent_at) WHERE state IN ('sending', 'unknown');

        CREATE TABLE gateway_ids (
            gateway TEXT NOT NULL,
            gateway_id TEXT NOT NULL,
            task_id TEXT NOT NULL REFERENCES tasks(id),
            PRIMARY KEY (gateway, gateway_id, task_id)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX gateway_ids_of_a_task ON gateway_ids(task_id);

        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            task_id TEXT NOT NULL REFERENCES tasks(id),
            type TEXT NOT NULL,
            time INTEGER NOT NULL,
            source TEXT NOT NULL,
            changes TEXT NOT NULL,
            data TEXT
        ) STRICT;

        CREATE INDEX events_of_a_task ON events(task_id, seq);

        CREATE TABLE firings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            rule TEXT NOT NULL,
            version TEXT NOT NULL,
            task_id TEXT NOT NULL REFERENCES tasks(id),
            seq INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            reason TEXT,
            detail TEXT,
            clicks TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            UNIQUE (rule, task_id)
        ) STRICT;

        CREATE INDEX firings_of_a_task ON firings(task_id);

        CREATE TABLE idempotency_keys (
            key TEXT PRIMARY KEY,
            fingerprint TEXT NOT NULL,
            status INTEGER NOT NULL,
            answer TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX idempotency_keys_by_age ON idempotency_keys(created_at)
        """,
    )


@ledger()
def add_pictures_and_prices(database: Database) -> None:
    """Pictures that are sent along, kept once whatever their number of uses; what a submission costs."""
    _run(
        database,
        """
        ALTER TABLE tasks ADD COLUMN cost REAL;
        ALTER TABLE tasks ADD COLUMN notify_hook TEXT;
        ALTER TABLE submissions ADD COLUMN cost REAL;

        CREATE TABLE attachments (
            hash TEXT PRIMARY KEY,
            media_type TEXT NOT NULL,
            content BLOB NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;

        CREATE INDEX submissions_in_line ON submissions(id) WHERE state = 'planned';
        CREATE INDEX submissions_sent ON submissions(sent_at) WHERE sent_at IS NOT NULL
        """,
    )


@ledger()
def add_the_holder(database: Database) -> None:
    """The mark of the process that holds the ledger: one row."""
    _run(database, "CREATE TABLE holder (id INTEGER PRIMARY KEY CHECK (id = 1), mark TEXT NOT NULL) STRICT")


@ledger()
def count_polls(database: Database) -> None:
    """What gateways were asked for nothing, and the endings apart from all other events: how did they become known?"""
    _run(
        database,
        """
        CREATE TABLE polls (
            gateway TEXT PRIMARY KEY,
            seq INTEGER NOT NULL,
            made INTEGER NOT NULL,
            plain INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX events_of_endings ON events(time)
            WHERE type IN ('task.succeeded', 'task.failed', 'task.cancelled')
        """,
    )


@ledger()
def let_news_be_about_no_task(database: Database) -> None:
    """Events need no task any more: a rule that a person pauses is news, too. Every `seq` stays, and none returns."""
    _run(
        database,
        """
        CREATE TABLE events_anew (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            task_id TEXT REFERENCES tasks(id),
            type TEXT NOT NULL,
            time INTEGER NOT NULL,
            source TEXT NOT NULL,
            changes TEXT NOT NULL,
            data TEXT
        ) STRICT;

        INSERT INTO events_anew SELECT seq, task_id, type, time, source, changes, data FROM events;
        DELETE FROM sqlite_sequence WHERE name = 'events_anew';
        INSERT INTO sqlite_sequence SELECT 'events_anew', seq FROM sqlite_sequence WHERE name = 'events';
        DROP TABLE events;
        ALTER TABLE events_anew RENAME TO events;

        CREATE INDEX events_of_a_task ON events(task_id, seq);
        CREATE INDEX events_of_endings ON events(time)
            WHERE type IN ('task.succeeded', 'task.failed', 'task.cancelled')
        """,
    )


@ledger()
def let_rules_do_more_than_click(database: Database) -> None:
    """What firings do is more than clicks, and may have to wait; tasks are asked for once more; rules are paused.

    The indexes of follow-ups are for budgets: what rules and `then` have opened since a time, and one rule of them.
    """
    _run(
        database,
        """
        ALTER TABLE tasks ADD COLUMN retry_of TEXT REFERENCES tasks(id);
        ALTER TABLE tasks ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
        CREATE INDEX tasks_asked_for_once_more ON tasks(retry_of) WHERE retry_of IS NOT NULL;
        CREATE INDEX follow_ups ON tasks(created_at) WHERE origin = 'then' OR origin GLOB 'rule:*';
        CREATE INDEX follow_ups_of_a_rule ON tasks(origin, created_at) WHERE origin = 'then' OR origin GLOB 'rule:*';

        CREATE TABLE firings_anew (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            rule TEXT NOT NULL,
            version TEXT NOT NULL,
            task_id TEXT NOT NULL REFERENCES tasks(id),
            root_id TEXT NOT NULL REFERENCES tasks(id),
            seq INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            reason TEXT,
            detail TEXT,
            actions TEXT NOT NULL,
            next_at INTEGER,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            UNIQUE (rule, task_id)
        ) STRICT;

        INSERT INTO firings_anew
            SELECT firings.id, rule, version, task_id, root_id, seq, outcome, reason, detail,
                (SELECT json_group_array(json_object('action', 'click', 'button', value ->> 'button',
                    'result', value ->> 'result', 'task_id', value ->> 'task_id')) FROM json_each(clicks)),
                NULL, firings.created_at, firings.created_at
            FROM firings JOIN tasks ON tasks.id = task_id ORDER BY firings.id;
        DELETE FROM sqlite_sequence WHERE name = 'firings_anew';
        INSERT INTO sqlite_sequence SELECT 'firings_anew', seq FROM sqlite_sequence WHERE name = 'firings';
        DROP TABLE firings;
        ALTER TABLE firings_anew RENAME TO firings;

        CREATE INDEX firings_of_a_task ON firings(task_id);
        CREATE INDEX firings_of_a_rule ON firings(rule, root_id);
        CREATE INDEX firings_of_a_chain ON firings(root_id, outcome);
        CREATE INDEX firings_by_outcome ON firings(outcome, id);
        CREATE INDEX firings_lately ON firings(created_at);
        CREATE INDEX firings_due ON firings(outcome, next_at) WHERE outcome = 'deferred';

        CREATE TABLE pauses (
            scope TEXT PRIMARY KEY,
            since INTEGER NOT NULL,
            origin TEXT NOT NULL,
            detail TEXT
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE effects (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            firing_id INTEGER NOT NULL REFERENCES firings(id),
            task_id TEXT NOT NULL REFERENCES tasks(id),
            kind TEXT NOT NULL,
            request TEXT NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next_at INTEGER,
            detail TEXT,
            created_at INTEGER NOT NULL,
            done_at INTEGER
        ) STRICT;

        CREATE INDEX effects_of_a_firing ON effects(firing_id);
        CREATE INDEX effects_of_a_task ON effects(task_id);
        CREATE INDEX effects_by_state ON effects(kind, state, next_at);
        CREATE UNIQUE INDEX effects_by_path ON effects((request ->> '$.path') COLLATE NOCASE) WHERE kind = 'download'
        """,
    )

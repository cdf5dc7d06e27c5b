"""The schema of the first release, told as the story of its changes; `storage.schema_of_rules` goes on from there."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

ledger = Migrations("ringback")


def run(database: Database, script: str) -> None:
    """Run statements one by one: `executescript` would commit the migration's transaction."""
    for statement in filter(str.strip, script.split(";")):
        database.conn.execute(statement)


@ledger()
def begin_the_ledger(database: Database) -> None:
    """Tasks, what was paid for them, their ids elsewhere, their history, and what rules decided.

    Times are milliseconds since the epoch. JSON stands as text. Ids are text: a gateway's need not fit 64 bits.
    """
    run(
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
    run(
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
    run(database, "CREATE TABLE holder (id INTEGER PRIMARY KEY CHECK (id = 1), mark TEXT NOT NULL) STRICT")


@ledger()
def count_polls(database: Database) -> None:
    """What gateways were asked for nothing, and the endings apart from all other events: how did they become known?"""
    run(
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

"""How the schema grew with subscriptions: who hears of events, what is owed to them, and what became of it."""

from sqlite_utils import Database

from storage.schema import run
from storage.schema_of_rules import ledger

__all__ = ["ledger"]


@ledger()
def let_others_subscribe(database: Database) -> None:
    """Subscriptions, their secrets, and a delivery for each event that one of them wants.

    `audience.version` changes with every standing subscription. `unswept` marks a subscription that is no longer
    active, and whose unfinished deliveries have not all been laid aside. `deliveries_done` is for what is removed in
    the end; tasks with a `notify_hook` are found so that it can become a subscription, sealed.
    """
    run(
        database,
        """
        CREATE TABLE audience (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL) STRICT;
        INSERT INTO audience VALUES (1, 0);

        CREATE TABLE subscriptions (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            origin TEXT NOT NULL,
            state TEXT NOT NULL,
            root_id TEXT REFERENCES tasks(id),
            task_id TEXT REFERENCES tasks(id),
            host TEXT NOT NULL,
            sealed TEXT NOT NULL,
            events TEXT NOT NULL,
            match TEXT,
            format TEXT NOT NULL,
            ordered INTEGER NOT NULL,
            rate REAL,
            concurrency INTEGER NOT NULL,
            reason TEXT,
            failing_since INTEGER,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            unswept INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        CREATE INDEX subscriptions_standing ON subscriptions(place) WHERE root_id IS NULL AND state != 'deleted';
        CREATE INDEX subscriptions_of_a_chain ON subscriptions(root_id) WHERE root_id IS NOT NULL;
        CREATE INDEX subscriptions_of_a_task ON subscriptions(task_id) WHERE task_id IS NOT NULL;
        CREATE INDEX subscriptions_unswept ON subscriptions(place) WHERE unswept = 1;

        CREATE TABLE webhook_secrets (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            subscription_id TEXT REFERENCES subscriptions(id),
            sealed TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER
        ) STRICT;

        CREATE INDEX webhook_secrets_of_a_subscription ON webhook_secrets(subscription_id, id);

        CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            subscription_id TEXT NOT NULL REFERENCES subscriptions(id),
            seq INTEGER NOT NULL,
            task_id TEXT,
            lane TEXT NOT NULL,
            state TEXT NOT NULL,
            apart INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            next_at INTEGER,
            created_at INTEGER NOT NULL,
            done_at INTEGER,
            UNIQUE (seq, subscription_id)
        ) STRICT;

        CREATE INDEX deliveries_of_a_subscription ON deliveries(subscription_id, id);
        CREATE INDEX deliveries_due ON deliveries(lane, tries > 0, next_at, id) WHERE state = 'planned';
        CREATE INDEX deliveries_under_way ON deliveries(next_at) WHERE state = 'sending';
        CREATE INDEX deliveries_unfinished ON deliveries(subscription_id, apart, task_id, id)
            WHERE state IN ('planned', 'sending', 'waiting');
        CREATE INDEX deliveries_laid_aside ON deliveries(subscription_id, state, id, created_at)
            WHERE state IN ('exhausted', 'held', 'cancelled');
        CREATE INDEX deliveries_done ON deliveries(done_at) WHERE done_at IS NOT NULL;

        CREATE TABLE attempts (
            delivery_id INTEGER NOT NULL REFERENCES deliveries(id),
            number INTEGER NOT NULL,
            time INTEGER NOT NULL,
            took INTEGER NOT NULL,
            status INTEGER,
            error TEXT,
            detail TEXT,
            answer TEXT,
            PRIMARY KEY (delivery_id, number)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX tasks_with_a_hook ON tasks(id) WHERE notify_hook IS NOT NULL
        """,
    )

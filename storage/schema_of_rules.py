"""How the schema grew with the rules engine: news about no task, all that a firing does, pauses, effects."""

from sqlite_utils import Database

from storage.schema import ledger, run

__all__ = ["ledger"]


@ledger()
def let_news_be_about_no_task(database: Database) -> None:
    """Events need no task any more: a rule that a person pauses is news, too. Every `seq` stays, and none returns."""
    run(
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
    run(
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


@ledger()
def let_effects_take_turns(database: Database) -> None:
    """Messages to one address, and pictures of one host, wait in a lane of their own."""
    run(
        database,
        """
        ALTER TABLE effects ADD COLUMN lane TEXT NOT NULL DEFAULT '';

        UPDATE effects SET lane = coalesce(request ->> '$.address', '');

        CREATE INDEX effects_waiting ON effects(kind, lane, attempts, id, next_at) WHERE state = 'planned'
        """,
    )


@ledger()
def let_firings_wait_in_lines(database: Database) -> None:
    """What waits for a budget waits in its rule's line."""
    run(database, "CREATE INDEX firings_waiting ON firings(reason, rule, id) WHERE outcome = 'deferred'")

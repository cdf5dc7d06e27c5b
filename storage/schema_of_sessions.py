"""How the schema grew with the dashboard: sessions that were ended before their time."""

from sqlite_utils import Database

from storage.schema import run
from storage.schema_of_deliveries import ledger

__all__ = ["ledger"]


@ledger()
def let_people_sign_out(database: Database) -> None:
    """A session is a signed cookie; of those that somebody ended, the id is kept until the cookie expires."""
    run(
        database,
        "CREATE TABLE ended_sessions (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    )

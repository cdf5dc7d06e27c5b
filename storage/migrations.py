"""A ledger on disk is always brought up to date."""

import sqlite3

from sqlite_utils import Database

from storage.errors import LedgerTooNew, LedgerUnavailable, LedgerUnreadable
from storage.schema_of_sessions import ledger  # every migration there is, in their order


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

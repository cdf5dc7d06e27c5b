"""What can go wrong with the ledger. The docstring of each class is what a person reads."""


class LedgerError(Exception):
    """The ledger could not do that."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class LedgerBusy(LedgerError):
    """The writer is behind; try again in a second."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be written now (disk full, read-only or damaged); nothing was recorded."""


class LedgerLocked(LedgerError):
    """Another process holds this ledger."""


class LedgerUnreadable(LedgerError):
    """The database cannot be opened."""


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer Ringback; start that version, or restore a backup."""


class NoSuchTask(LedgerError):
    """There is no such task in this ledger."""


class NoRequest(LedgerError):
    """It was submitted elsewhere: how, is not known here. Submit it anew."""


class TooManyTags(LedgerError):
    """A task has 50 tags at most."""


class NoSuchSubmission(LedgerError):
    """No submission of this ledger has that hook."""


class IdempotencyConflict(LedgerError):
    """This Idempotency-Key was used with another request; use a new key."""


class NoSuchAttachment(LedgerError):
    """The ledger has no picture of that name."""


class NoWindow(LedgerError):
    """The task has no open window to answer."""


class NoSuchSubscription(LedgerError):
    """There is no such subscription."""


class SubscriptionExists(LedgerError):
    """There is a subscription of that id already."""


class SubscriptionDisabled(LedgerError):
    """The subscription is disabled; enable it first."""


class NoSuchDelivery(LedgerError):
    """There is no such delivery; those that are done are kept for 30 days."""

"""What a rule looks at: a task as the ledger shows it after an event, and on `chain.settled` its whole chain."""

import msgspec

from storage.records import Chain, Task


class Subject(msgspec.Struct, frozen=True):
    """One event, as `match` and templates see it."""

    task: Task  # the root, on `chain.settled`
    chain: Chain | None = None  # only on `chain.settled`

"""The polls table: how often each gateway was asked, and how often somebody without hooks would have asked it."""

from typing import Final, NamedTuple

from storage.arrivals import IS_ENDING, TOLD
from storage.transaction import Transaction

EVERY: Final = 5000  # milliseconds between two questions of a plain poller about each of its tasks
STALE: Final = 10_000  # events after which the place to go on from is written down though nothing was counted


class Polls(NamedTuple):
    """Free questions to one gateway, since this ledger first counted them."""

    made: int  # by us: every question, whatever it was about
    plain: int  # by a plain poller about the tasks that have ended since: one for every 5 seconds of each, at least one

    @property
    def avoided(self) -> int:
        """The questions that nobody had to ask."""
        return max(0, self.plain - self.made)


def tally_polls(tx: Transaction, gateway: str, made: int) -> Polls:
    """Add so many questions of ours, and those of a plain poller about what has ended since the last time."""
    (latest,) = tx.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    row = tx.execute("SELECT seq, made, plain FROM polls WHERE gateway = ?", (gateway,)).fetchone()
    if row is None:
        tx.execute("INSERT INTO polls (gateway, seq, made, plain) VALUES (?, ?, ?, 0)", (gateway, latest, made))
        return Polls(made, 0)
    after, before, plain = row
    (more,) = tx.execute(
        "SELECT coalesce(sum(max(1, (events.time - tasks.submitted_at + :every - 1) / :every)), 0)"
        " FROM events NOT INDEXED JOIN tasks ON tasks.id = events.task_id"
        f" WHERE events.seq > :after AND events.{IS_ENDING} AND events.{TOLD} AND tasks.gateway = :gateway"
        " AND tasks.origin != 'adopted'",  # whoever submitted those asked about them
        {"every": EVERY, "after": after, "gateway": gateway},
    ).fetchone()
    if made or more or latest - after > STALE:
        tx.execute(
            "UPDATE polls SET seq = ?, made = made + ?, plain = plain + ? WHERE gateway = ?",
            (latest, made, more, gateway),
        )
    return Polls(before + made, plain + more)

"""What subscribers want and do not get: one is disabled or fails, something was given up, a seal cannot be opened.

All of it is read from the ledger, so that it is told whether the service runs or not.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hooks.errors import SealBroken
from hooks.seal import Sealer
from service.cli.doctor.finding import Finding, ill, well
from service.cli.screen import plain
from service.rules.wording import count
from storage.deliveries import Late, list_deliveries, list_late
from storage.errors import LedgerError
from storage.records_of_deliveries import Delivery, Subscription
from storage.sqlite import is_there, open_reader
from storage.subscriptions import read_standing
from storage.webhook_secrets import Sealed, list_sealed

CHECK: Final = "deliveries"
LATELY: Final = 24 * 3600  # seconds in which what was given up is told
PATIENCE: Final = 60  # seconds for which something may be late before it is told
MOST: Final = 1000  # deliveries that were given up, and sealed texts, that are looked at
SHOWN: Final = 3  # receivers that are told


def examine_deliveries(database: Path, secret_keys: Sequence[str]) -> Iterator[Finding]:
    """Look into the ledger for what does not reach its subscribers; nothing without a ledger that can be read.

    Without secret keys, seals are not looked at.
    """
    if not is_there(database):
        return
    try:
        connection = open_reader(database)
        try:
            standing = read_standing(connection)
            late = list_late(connection)
            given_up = list_deliveries(connection, state="exhausted", limit=MOST)
            sealer = Sealer(secret_keys) if secret_keys else None
            sealed = list_sealed(connection, sealer.prefix, MOST) if sealer else []
        finally:
            connection.close()
    except (LedgerError, sqlite3.Error):
        return  # told of as the ledger's trouble
    since = int((time.time() - LATELY) * 1000)
    told = {each.id for each in standing if each.failing_since is not None}
    late = [each for each in late if each.lane not in told and each.since < (time.time() - PATIENCE) * 1000]
    found = [*_tell_standing(standing), *_tell_late(late)]
    found += _tell_given_up([each for each in given_up if (each.done_at or 0) >= since])
    if sealer is not None:
        found += _tell_broken(sealed, sealer)
    yield from found or [well(CHECK, f"{count(len(standing), 'subscription')}; everything reaches its subscribers.")]


def _tell_standing(subscriptions: Sequence[Subscription]) -> Iterator[Finding]:
    for each in subscriptions:
        name, where = each.id, f"{each.id} ({plain(each.host)})"
        if each.state == "disabled":
            detail = f"The subscription {where} is disabled: {plain(each.reason) or 'nobody said why'}."
            go_on = f"`ringback subscriptions enable {name}`, then `ringback subscriptions recover {name} --since 7d`"
            yield ill(CHECK, detail, f"Mend what is in the way; to go on, and to send what was held: {go_on}.")
        elif each.failing_since is not None:
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(each.failing_since / 1000))
            detail = f"Nothing reaches the subscription {where} since {since}; after 5 days it is disabled."
            yield ill(CHECK, detail, f"See what it answers: `ringback subscriptions test {name}`.")


def _tell_late(late: Sequence[Late]) -> Iterator[Finding]:
    if not late:
        return
    more = f" and to {count(len(late) - SHOWN, 'other')}" if len(late) > SHOWN else ""
    told = ", ".join(f"{each.number} to {plain(each.lane)}" for each in late[:SHOWN])
    next_at = time.strftime("%H:%M:%S UTC", time.gmtime(min(each.next_at for each in late) / 1000))
    look = "`ringback deliveries list --state planned` shows them, `ringback deliveries show ID` what was answered"
    remedy = f"{look}; `ringback deliveries redeliver ID` tries at once."
    yield ill(CHECK, f"Tried, and not taken yet: {told}{more}; the next try is at {next_at}.", remedy)


def _tell_given_up(deliveries: Sequence[Delivery]) -> Iterator[Finding]:
    if not deliveries:
        return
    by_lane = Counter(each.lane for each in deliveries).most_common()  # a subscription, or the host of a task's own
    told = ", ".join(f"{number} to {plain(lane)}" for lane, number in by_lane[:SHOWN])
    more = f" and to {count(len(by_lane) - SHOWN, 'other')}" if len(by_lane) > SHOWN else ""
    detail = f"Given up in the last 24 hours after every attempt: {told}{more}."
    look = "`ringback deliveries list --state exhausted` shows them, `ringback deliveries show ID` why"
    yield ill(CHECK, detail, f"{look}; `ringback deliveries redeliver ID` sends one once more.")


def _tell_broken(sealed: Sequence[Sealed], sealer: Sealer) -> Iterator[Finding]:
    broken = 0
    for each in sealed:
        try:
            sealer.open(each.sealed)
        except SealBroken:
            broken += 1
    if broken:
        detail = f"Sealed under a secret key that is gone: {broken} of the addresses and secrets of subscriptions."
        remedy = (
            "Put that key back in RINGBACK_SECRET_KEYS, in front of the others, and start the service again; or make"
            " the subscriptions anew."
        )
        yield ill(CHECK, detail, remedy)

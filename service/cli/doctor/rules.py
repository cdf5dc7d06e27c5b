"""What rules want and do not get: something is paused, messages fail, prices are missing.

What the ledger says is read from it, so that it is told whether the service runs or not.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hooks.buttons import find_button, well_known_buttons
from hooks.targets import SETTING
from service.cli.doctor.finding import Finding, ill, well
from service.cli.screen import plain
from service.config import Config
from service.gateways.presets import Gateway
from service.rules.actions import ClickAction, SubmitAction
from service.rules.limits import Budget
from service.rules.rulebook import Rule
from service.rules.wording import count
from storage.actions import action_of
from storage.errors import LedgerError
from storage.pauses import EVERYTHING, Pause, list_pauses
from storage.sqlite import is_there, open_reader
from storage.tallies import Trouble, tally_troubles

LATELY: Final = 24 * 3600  # seconds in which what was given up is told
SHOWN: Final = 3  # reasons that are told
ANY: Final = "UPSCALE"  # what tasks' own lists click as good as always


def examine_doings(database: Path) -> Iterator[Finding]:
    """Look into the ledger for what stands still and what fails; nothing without a ledger that can be read."""
    if not is_there(database):
        return
    try:
        connection = open_reader(database)
        try:
            pauses = list_pauses(connection)
            troubles = tally_troubles(connection, since=int((time.time() - LATELY) * 1000))
        finally:
            connection.close()
    except (LedgerError, sqlite3.Error):
        return  # told of as the ledger's trouble
    yield from map(_tell_pause, pauses)
    if not pauses:
        yield well("paused", "Nothing is paused.")
    yield _tell_troubles(troubles)


def _tell_pause(pause: Pause) -> Finding:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(pause.since / 1000))
    who = "its fuse" if pause.origin == "fuse" else f"the {pause.origin}"
    why = f": {pause.detail}" if pause.detail else ""
    if pause.scope == EVERYTHING:
        detail = f"Everything is paused since {since} by {who}{why}. Nothing is submitted."
        return ill("paused", detail, "To go on: `ringback resume`.")
    detail = f"The rule {pause.scope} is paused since {since} by {who}{why}."
    look = f"Look at what it did, `ringback rules firings {pause.scope}`, and mend it. " if who == "its fuse" else ""
    return ill("paused", detail, f"{look}To go on: `ringback rules resume {pause.scope}`.")


def _tell_troubles(troubles: Sequence[Trouble]) -> Finding:
    if not troubles:
        return well("effects", "No notification and no download fails.")
    told = "; ".join(
        f"{count(each.count, 'notification' if each.kind == 'notify' else 'download')}"
        f" {'given up' if each.state == 'failed' else 'put off'}: {plain(each.detail)}"
        for each in troubles[:SHOWN]
    )
    more = f"; and for {count(len(troubles) - SHOWN, 'other reason')}" if len(troubles) > SHOWN else ""
    allow = any(SETTING in (each.detail or "") for each in troubles)
    mend = f"Set {SETTING} as it says, and start the service again. " if allow else "Mend what is in the way. "
    again = "`ringback rules firings` shows which; `ringback rules retry` tries what was given up once more."
    return ill("effects", f"{told}{more}.", mend + again)


def examine_prices(config: Config, gateways: Sequence[Gateway]) -> Iterator[Finding]:
    """Look whether amounts that may be spent can be counted: what has no known price is blocked."""
    limits, rules = config.limits.budget, config.rulebook.rules
    wanted = {ANY, *(action for rule in rules for action in _list_paid(rule))} if _counts_money(limits) else set()
    wanted |= {action for rule in rules if rule.budget and _counts_money(rule.budget) for action in _list_paid(rule)}
    for gateway in gateways if wanted else ():
        missing = sorted(action for action in wanted if gateway.price(action, gateway.mode) is None)
        if missing:
            detail = (
                f"{gateway.name} has no price for {', '.join(missing)}: with a spend_ limit, such a click is blocked."
            )
            remedy = f"Write `prices: {{{missing[0]}: …}}` to it under `gateways:` in ringback.yaml."
            yield ill("prices", detail, remedy)


def _counts_money(budget: Budget) -> bool:
    return any(each is not None for each in (budget.spend_per_hour, budget.spend_per_day, budget.spend_per_root))


def _list_paid(rule: Rule) -> Iterator[str]:
    """What a rule opens, as far as its text says it."""
    for action in rule.do:
        if isinstance(action, SubmitAction):
            yield "IMAGINE"
        elif isinstance(action, ClickAction):
            for label in action.labels:
                button = find_button(well_known_buttons(), label)
                if button is not None:
                    yield action_of(button.kind)

"""What rules want and do not get is found, in the ledger and in the file."""

from pathlib import Path
from typing import Any

import pytest

from service.cli.doctor.rules import examine_doings, examine_prices
from service.config import parse_config
from service.gateways.presets import Gateway
from storage.effects import fail_effect, plan_notification, retry_effect
from storage.firings import list_firings
from storage.pauses import EVERYTHING, pause
from storage.reactions import Notify

MONEY = """\
limits: {spend_per_day: 5.0}
rules:
  - {id: a, on: task.succeeded, match: {action: IMAGINE}, do: [{click: [U1, V1]}]}
"""


@pytest.fixture
def doings(tmp_path: Path) -> Any:
    """What is found in the ledger by now."""
    return lambda: list(examine_doings(tmp_path / "ringback.db"))


def test_without_a_ledger_nothing_is_said(doings: Any) -> None:
    assert doings() == []


def test_a_ledger_in_order_is_told_so(ledger: Any, doings: Any) -> None:
    ledger.open()
    assert [(each.check, each.ok) for each in doings()] == [("paused", True), ("effects", True)]


def test_every_pause_is_told_with_who_why_and_how_it_goes_on(ledger: Any, doings: Any) -> None:
    ledger.do(pause, EVERYTHING, origin="cli", detail="太贵")
    ledger.do(pause, "cats", origin="fuse", detail="it fired 20 times")
    everything, cats, _ = doings()
    assert not everything.ok
    assert everything.detail.startswith("Everything is paused since 2027-01-15 08:00:00 UTC by the cli: 太贵.")
    assert everything.remedy == "To go on: `ringback resume`."
    assert cats.detail == "The rule cats is paused since 2027-01-15 08:00:00 UTC by its fuse: it fired 20 times."
    assert "ringback rules resume cats" in cats.remedy


def test_messages_that_fail_are_told_with_their_reason_and_remedy(reactor: Any, open_ledger: Any, doings: Any) -> None:
    ledger = open_ledger(react=reactor("id: a, on: task.succeeded, do: [{tag: x}]"))
    grid = ledger.open_grid()
    (firing,) = ledger.ask(list_firings, task=grid.id)
    notify = Notify(address="a", text="x")
    given_up, put_off = (ledger.do(plan_notification, firing.id, grid.id, notify) for _ in range(2))
    ledger.do(fail_effect, given_up, "HTTP 404")
    ledger.do(retry_effect, put_off, seconds=1, detail="it is private; to allow it: RINGBACK_ALLOW_TARGETS=a.lan")
    (finding,) = (each for each in doings() if each.check == "effects")
    assert not finding.ok
    assert "1 notification given up: HTTP 404" in finding.detail
    assert "1 notification put off: it is private" in finding.detail
    assert finding.remedy.startswith("Set RINGBACK_ALLOW_TARGETS as it says")
    assert "ringback rules retry" in finding.remedy


def test_a_limit_on_money_needs_the_prices_of_what_rules_open() -> None:
    config = parse_config(MONEY.encode(), file="f", environ={})
    priced = Gateway(name="g", url="http://g", key="k", auth="raw", prices={"UPSCALE": 1.0, "IMAGINE": 1.0})
    (finding,) = examine_prices(config, [priced])
    assert finding.detail.startswith("g has no price for VARIATION:")
    assert "prices: {VARIATION: …}" in (finding.remedy or "")
    free = parse_config(MONEY.replace("spend_per_day: 5.0", "per_day: 5").encode(), file="f", environ={})
    assert list(examine_prices(free, [priced])) == []

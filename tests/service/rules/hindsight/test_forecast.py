"""What applying a rule to the past would come to, before it is done."""

from typing import Any

import pytest

from service.config import parse_config
from service.rules.hindsight.forecast import forecast
from service.rules.hindsight.leftovers import find_leftovers
from service.rules.reactor import Reactor
from storage.openings import open_click

PRICES = {"UPSCALE": 0.5}


def look(ledger: Any, rules: str, *, prices: dict[str, float] = PRICES, limits: str = "{}") -> Any:
    text = f"limits: {limits}\nrules: [{{id: a, on: task.succeeded, match: {{action: IMAGINE}}, {rules}}}]"
    book = parse_config(text.encode(), file="f", environ={}).rulebook
    reactor = Reactor(book, price=lambda _gateway, action, _mode: prices.get(action))
    now = ledger.store.now()
    meant = ledger.ask(find_leftovers, book.rules[0], since=0, until=now, now=now)
    return ledger.ask(forecast, reactor, book.rules[0], meant, now=now)


@pytest.fixture
def grids(ledger: Any) -> Any:
    """Three grids, of one of which somebody has clicked U1 already."""
    tasks = [ledger.open_grid(f"g{number}") for number in range(3)]
    ledger.do(open_click, tasks[0], tasks[0].buttons[0], origin="api", request={})
    return ledger


def test_what_would_be_opened_is_counted_and_priced_and_what_stands_is_not(grids: Any) -> None:
    found = look(grids, "do: [{click: [U1, V1]}, {tag: x}]")
    assert (dict(found.actions), found.cost, found.unpriced) == ({"click": 5, "tag": 3}, 1.0, 3)
    assert (found.deferred, dict(found.blocked)) == (0, {})


def test_what_guards_would_hold_is_told_apart(grids: Any) -> None:
    dry = look(grids, "dry_run: true, do: [click: U2]")
    assert (dict(dry.actions), dict(dry.blocked)) == ({}, {"dry_run": 3})
    late = look(grids, "quiet_hours: {from: '00:00', to: '23:59', tz: UTC}, do: [tag: x]")
    assert (dict(late.actions), late.deferred) == ({"tag": 3}, 3)

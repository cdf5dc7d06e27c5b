"""The rules in force, and what is known about them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from service.rules import ruling
from service.rules.foresight.worst_case import WorstCase, find_worst_cases
from service.rules.reactor import Reactor
from service.rules.rulebook import Rulebook
from service.rules.ruling import Ruling

if TYPE_CHECKING:
    from tests.conftest import Ledger


def test_the_worst_case_is_worked_out_once_for_a_rulebook(
    ledger: "Ledger", make_reactor: Callable[..., Reactor], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find(rulebook: Rulebook) -> dict[str, WorstCase]:
        asked.append(rulebook)
        return find_worst_cases(rulebook)

    monkeypatch.setattr(ruling, "find_worst_cases", find)
    first, second = (
        make_reactor(f"rules: [{{id: {name}, on: task.succeeded, do: [tag: x]}}]").rulebook for name in "ab"
    )
    held = Ruling(ledger.store, first, file="f", price=lambda *_: None)
    assert [*held.find_worst_cases(first)] == [*held.find_worst_cases(first)] == ["a"]
    assert [*held.find_worst_cases(second)] == ["b"]
    assert asked == [first, second]

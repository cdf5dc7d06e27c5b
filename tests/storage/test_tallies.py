"""What rules did and still have to do, counted."""

from typing import Any

from storage.reactions import Click
from storage.tallies import count_outstanding, read_last_firings
from storage.withdrawals import count_unsent
from tests.storage.conftest import Script, decide


def test_what_is_not_done_yet_is_counted_for_every_rule_at_once(scripted: Any, script: Script) -> None:
    later = scripted.store.now() + 60_000
    script.on["task.succeeded"] = lambda task, _facts: [
        decide(*(Click(button=button) for button in task.buttons[:2]), rule="cats"),
        decide(Click(button=task.buttons[2]), rule="then", origin="then"),
        decide(rule="later", outcome="deferred", reason="budget", next_at=later),
    ]
    assert scripted.ask(count_outstanding) == {}
    scripted.open_grid()
    scripted.open()  # a person's
    expected = {"cats": (2, 0), "then": (1, 0), "later": (0, 1)}
    assert scripted.ask(count_outstanding) == expected
    assert {rule: scripted.ask(count_unsent, rule) for rule in expected} == expected
    scripted.claim()
    assert scripted.ask(count_outstanding) == {"later": (0, 1)}


def test_a_rule_last_fired_when_it_did_something(scripted: Any, script: Script) -> None:
    click = Click(button=scripted.grid[0])
    decisions = [decide(click), decide(click, outcome="blocked", reason="dry_run")]
    script.on["task.succeeded"] = lambda *_: [decisions.pop(0), decide(click, rule="never", outcome="blocked")]
    scripted.open_grid()
    fired_at = scripted.store.now()
    scripted.clock.now += 60
    scripted.open_grid("g2")
    assert scripted.ask(read_last_firings) == {"r": fired_at}

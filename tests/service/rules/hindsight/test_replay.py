"""A ledger in memory goes on where a real one would."""

from collections.abc import Callable
from typing import Any

from service.rules.hindsight.past import Past
from service.rules.hindsight.replay import Replay
from service.rules.reactor import Reactor
from storage.reactions import Decision, Firing
from storage.records import Task

NOW = 1_800_000_000_000


class Impatient(Reactor):
    """Wants to be asked again at once, whenever it is asked."""

    asked = 0

    def resume(self, firing: Firing, task: Task, facts: Any) -> Decision:
        self.asked += 1
        assert self.asked < 9, "time stands still"
        return Decision(rule="it", version="v", origin="rule:it", outcome="deferred", reason="backoff", next_at=0)


def test_what_wants_to_be_asked_again_at_once_is_asked_a_millisecond_later(
    make_reactor: Callable[..., Reactor], make_task: Callable[..., Task], nobody_else: Past
) -> None:
    text = "rules: [{id: it, on: task.failed, attempts: {max: 1, backoff: [1s]}, do: [resubmit: {}]}]"
    reactor = Impatient(make_reactor(text).rulebook)
    played = Replay(reactor, nobody_else)
    played.follow("task.failed", make_task(status="FAILURE"), NOW)
    played.wait(NOW + 1002)
    assert reactor.asked == 3

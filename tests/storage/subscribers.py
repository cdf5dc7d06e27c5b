"""Subscribers for tests: an audience that looks at types and at a task's action, and what they say to deliveries."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from storage.audience import fits
from storage.outbox import claim_deliveries, list_turns
from storage.records import Chain, Task
from storage.records_of_deliveries import Attempt, Delivery, Subscription
from storage.subscriptions import add_subscription, open_for_task

if TYPE_CHECKING:
    from tests.conftest import Ledger


class Listeners:
    """An Audience: `match: {"action": …}` is all that it understands; it remembers what it was shown."""

    shown: list[tuple[str, Task | None, Chain | None]]

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self.subscriptions = subscriptions
        self.shown = []

    def listens(self, event_type: str) -> bool:
        return any(fits(each.events, event_type) for each in self.subscriptions)

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
        self.shown.append((event_type, task, chain))
        return [
            each
            for each in self.subscriptions
            if fits(each.events, event_type)
            and (each.match is None or (task is not None and task.action == each.match["action"]))
        ]


def make_subscription(subscription_id: str = "shop", **fields: Any) -> Subscription:
    """A standing subscription to everything."""
    base: dict[str, Any] = {"origin": "api", "host": "shop.example:443", "sealed": "s:1", "events": ("*",)}
    return Subscription(**base | {"id": subscription_id, "created_at": 0, "updated_at": 0} | fields)


def subscribe(ledger: "Ledger", subscription_id: str = "shop", **fields: Any) -> Subscription:
    added: Subscription = ledger.do(add_subscription, make_subscription(subscription_id, **fields))
    return added


def follow_task(ledger: "Ledger", task: Task, **fields: Any) -> Subscription:
    """A one-task subscription."""
    base: dict[str, Any] = {"root_id": task.root_id, "host": "c.example:443", "sealed": "s:2", "events": ("*",)}
    opened: Subscription = ledger.do(open_for_task, **base | {"format": "standard", "origin": "task"} | fields)
    return opened


def owed(ledger: "Ledger", subscription_id: str) -> list[tuple[str, str]]:
    """The types of the events that are owed to a subscription, each with its delivery's state, oldest first."""
    return ledger.sql(  # type: ignore[return-value]
        "SELECT type, state FROM deliveries JOIN events USING (seq) WHERE subscription_id = ? ORDER BY deliveries.id",
        subscription_id,
    )


def take(ledger: "Ledger", each: int = 100, held: Sequence[int] = ()) -> list[Delivery]:
    """Claim whatever is due, lane by lane."""
    turns = ledger.ask(list_turns, now=ledger.store.now(), held=held, each=each)
    taken: list[Delivery] = ledger.do(claim_deliveries, [key for turn in turns for key in (*turn.first, *turn.again)])
    return taken


def attempt(delivery: Delivery, error: str | None = None, **fields: Any) -> Attempt:
    """What came of the latest attempt."""
    base: dict[str, Any] = {"delivery_id": delivery.id, "number": delivery.attempts, "time": 1_800_000_000_000}
    more = {"took": 12, "status": 204 if error is None else 500, "error": error, "detail": None, "answer": None}
    return Attempt(**base | more | fields)

"""What is sealed moves under the newest key; what cannot be opened is told, and its subscription disabled."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from hooks.errors import SealBroken
from hooks.seal import Sealer
from service.seals import SLICE, Seals, ensure_secret
from storage.records_of_deliveries import Subscription
from storage.subscriptions import add_subscription, read_subscription
from storage.webhook_secrets import add_secret, list_secrets

OLD, NEW, OTHER = "old-0123456789abcdef", "new-0123456789abcdef", "other-0123456789abcdef"


def add(ledger: Any, sealer: Sealer, subscription_id: str = "sub_1") -> None:
    subscription = Subscription(
        id=subscription_id,
        origin="api",
        host="shop.example:443",
        sealed=sealer.seal(f"address of {subscription_id}"),
        events=("task.*",),
        created_at=0,
        updated_at=0,
    )
    ledger.do(add_subscription, subscription)
    ledger.do(add_secret, subscription_id, sealer.seal(f"secret of {subscription_id}"), overlap=0)


def renew(ledger: Any, sealer: Sealer) -> list[float | None]:
    """Every step until all is done; what each gave."""

    async def work() -> list[float | None]:
        seals, pauses = Seals(Awaited(ledger), sealer), list[float | None]()
        while not pauses or pauses[-1] is not None:
            pauses.append(await seals.renew())
        return pauses

    return asyncio.run(work())


class Awaited:
    """The store of a test, whose loop is another one."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    async def read(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return self._ledger.ask(query, *args, **kwargs)

    async def write(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        return self._ledger.do(verb, *args, **kwargs)


def test_everything_is_sealed_under_the_newest_key(ledger: Any) -> None:
    add(ledger, Sealer([OLD]))
    ledger.do(ensure_secret, Sealer([OLD]))
    renew(ledger, Sealer([OLD, NEW]))
    newest = Sealer([NEW])
    assert newest.open(ledger.ask(read_subscription, "sub_1").sealed) == "address of sub_1"
    assert newest.open(ledger.ask(list_secrets, "sub_1")[0].sealed) == "secret of sub_1"
    assert newest.open(ledger.ask(list_secrets, None)[0].sealed).startswith("whsec_")
    with pytest.raises(SealBroken):
        Sealer([OLD]).open(ledger.ask(read_subscription, "sub_1").sealed)


def test_many_are_done_a_slice_at_a_time_past_those_that_are_broken(
    ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SLICE > 1
    monkeypatch.setattr("service.seals.SLICE", 3)
    for number in range(4):
        add(ledger, Sealer([OTHER]), f"broken-{number}")
        add(ledger, Sealer([OLD]), f"sub_{number}")
    pauses = renew(ledger, Sealer([OLD, NEW]))
    assert pauses[:-1] == [0.0] * (len(pauses) - 1)
    for number in range(4):
        assert Sealer([NEW]).open(ledger.ask(read_subscription, f"sub_{number}").sealed)
        assert ledger.ask(read_subscription, f"sub_{number}").state == "active"
        assert ledger.ask(read_subscription, f"broken-{number}").state == "disabled"


def test_a_subscription_whose_key_is_gone_is_disabled_and_says_what_to_do(ledger: Any) -> None:
    add(ledger, Sealer([OTHER]))
    with capture_logs() as logs:
        renew(ledger, Sealer([NEW]))
    found = ledger.ask(read_subscription, "sub_1")
    assert found.state == "disabled"
    assert "RINGBACK_SECRET_KEYS" in found.reason
    assert Sealer([OTHER]).open(found.sealed) == "address of sub_1", "it is there for when the key comes back"
    assert {line["subscription"] for line in logs} == {"sub_1"}
    told = ledger.sql("SELECT count(*) FROM events WHERE type = 'subscription.disabled'")
    assert told == [(1,)]


def test_the_services_own_secret_is_made_once(ledger: Any) -> None:
    sealer = Sealer([NEW])
    ledger.do(ensure_secret, sealer)
    ledger.do(ensure_secret, sealer)
    assert len(ledger.ask(list_secrets, None)) == 1
    with capture_logs() as logs:
        renew(ledger, Sealer([OTHER]))
    assert "own webhook secret" in logs[0]["event"]
    assert len(ledger.ask(list_secrets, None)) == 1

"""What deliveries are signed with, and sealing anew what is sealed."""

from typing import TYPE_CHECKING, Any

from storage.subscriptions import delete_subscription, read_subscription
from storage.webhook_secrets import (
    OVERLAP,
    WebhookSecret,
    add_secret,
    choose_secrets,
    expire_secrets,
    list_sealed,
    list_secrets,
    replace_sealed,
)
from tests.storage.subscribers import follow_task, subscribe

if TYPE_CHECKING:
    from tests.conftest import Ledger


def chosen(ledger: "Ledger", subscription: Any) -> tuple[str, ...]:
    return ledger.ask(choose_secrets, subscription, ledger.store.now())  # type: ignore[no-any-return]


def test_an_older_secret_signs_beside_a_new_one_for_a_while(ledger: "Ledger") -> None:
    shop = subscribe(ledger)
    ledger.do(add_secret, "shop", "first")
    ledger.do(add_secret, "shop", "second")
    assert chosen(ledger, shop) == ("second", "first")
    ledger.clock.now += OVERLAP / 1000
    assert chosen(ledger, shop) == ("second",)
    ledger.do(add_secret, "shop", "third", overlap=0)
    assert chosen(ledger, shop) == ("third",)
    (kept,) = ledger.ask(list_secrets, "shop")
    assert kept == WebhookSecret(id=kept.id, sealed="third", created_at=ledger.store.now(), expires_at=None)


def test_a_shorter_overlap_ends_a_longer_one_and_none_lengthens_one(ledger: "Ledger") -> None:
    shop = subscribe(ledger)
    for sealed, overlap in (("first", 0), ("second", 1000), ("third", OVERLAP)):
        ledger.do(add_secret, "shop", sealed, overlap=overlap)
    assert chosen(ledger, shop) == ("third", "second", "first")
    ledger.clock.now += 1
    assert chosen(ledger, shop) == ("third", "second")


def test_what_has_no_secret_of_its_own_is_signed_with_the_services(ledger: "Ledger") -> None:
    shop, one = subscribe(ledger), follow_task(ledger, ledger.open())
    assert chosen(ledger, shop) == ()
    ledger.do(add_secret, None, "service")
    ledger.do(add_secret, "shop", "own")
    assert (chosen(ledger, shop), chosen(ledger, one)) == (("own",), ("service",))
    ledger.do(expire_secrets, "shop", overlap=0)
    assert chosen(ledger, shop) == ("service",)


def seal_anew(ledger: "Ledger", skip: int = 0) -> list[str]:
    """Seal anew what is under an older key, but what cannot be opened; gives what was found."""
    found = ledger.ask(list_sealed, "k2:", 2, skip=skip)
    for each in found:
        if "broken" not in each.sealed:
            assert ledger.do(replace_sealed, each, each.sealed.replace("k1:", "k2:"))
    return [each.sealed for each in found]


def test_all_that_is_sealed_is_found_until_it_is_under_the_newest_key(ledger: "Ledger") -> None:
    subscribe(ledger, "a", sealed="k1:a")
    subscribe(ledger, "b", sealed="k1:broken")
    subscribe(ledger, "c", sealed="k2:c")
    subscribe(ledger, "gone", sealed="k1:gone")
    ledger.do(delete_subscription, "gone")
    follow_task(ledger, ledger.open(), sealed="k1:one")
    ledger.do(add_secret, "a", "k1:secret")
    ledger.do(add_secret, None, "k2:service")
    seen, skip = list[str](), 0
    while found := seal_anew(ledger, skip):
        seen += found
        skip += sum("broken" in each for each in found)
    assert sorted(seen) == ["k1:a", "k1:broken", "k1:one", "k1:secret"]
    assert [each.sealed for each in ledger.ask(list_sealed, "k2:")] == ["k1:broken"]
    assert {each.sealed for each in ledger.ask(list_sealed, "k9:")} == {
        *("k2:a", "k1:broken", "k2:c", "k2:one", "k2:secret", "k2:service")
    }


def test_whose_a_sealed_text_is_can_be_told(ledger: "Ledger") -> None:
    subscribe(ledger, "a", sealed="x")
    ledger.do(add_secret, "a", "y")
    ledger.do(add_secret, None, "z")
    assert {(each.sealed, each.subscription_id) for each in ledger.ask(list_sealed, "k:")} == {
        *(("x", "a"), ("y", "a"), ("z", None))
    }


def test_what_was_changed_meanwhile_is_not_replaced(ledger: "Ledger") -> None:
    subscribe(ledger, "a", sealed="k1:a")
    (old,) = ledger.ask(list_sealed, "k2:")
    assert ledger.do(replace_sealed, old, "k2:a") is True
    assert ledger.do(replace_sealed, old, "k2:late") is False
    assert ledger.ask(read_subscription, "a").sealed == "k2:a"

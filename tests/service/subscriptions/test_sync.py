"""The ledger follows the file: what is new, another, gone, and back again."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from structlog.testing import capture_logs

from hooks.recipient import Recipient
from hooks.seal import Sealer
from hooks.signature import make_secret
from service.subscriptions.sync import Synced, sync_subscriptions, take_up
from service.subscriptions.written import WrittenSubscription
from storage.errors import NoSuchSubscription
from storage.subscriptions import add_subscription, read_standing, read_subscription
from storage.suspensions import disable_subscription
from storage.webhook_secrets import choose_secrets

OLD_KEY, NEW_KEY = "secret-0123456789abcdef", "another-0123456789abcdef"
FIRST, SECOND = make_secret(), make_secret()
HOUR = 3600


def write(name="shop", url="https://shop.example/in/t0ken", headers=None, **fields):
    recipient = Recipient(url=url, headers=headers or {})
    host = url.split("/")[2] + ":443"
    return WrittenSubscription(id=name, recipient=recipient, host=host, **{"events": ("task.*",)} | fields)


class Synchronised:
    """A ledger, and what a file says."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.sealer = Sealer([OLD_KEY])

    def sync(self, *written):
        return self.ledger.do(sync_subscriptions, written, self.sealer)

    def read(self, name="shop"):
        return self.ledger.ask(read_subscription, name)

    def recipient(self, name="shop"):
        return msgspec.json.decode(self.sealer.open(self.read(name).sealed), type=Recipient)

    def secrets(self, name="shop"):
        """What signs it now, newest first; the service has none of its own here."""
        sealed = self.ledger.ask(choose_secrets, self.read(name), self.ledger.store.now())
        return [self.sealer.open(each) for each in sealed]

    @property
    def version(self):
        return self.ledger.sql("SELECT version FROM audience")


@pytest.fixture
def house(ledger):
    return Synchronised(ledger)


def test_what_is_new_is_added_whole_and_sealed(house):
    written = write(match={"action": "UPSCALE"}, format="cloudevents", ordered=False, rate=2.5, concurrency=9,
                    headers={"Authorization": "Bearer p4ss"}, secret=FIRST)  # fmt: skip
    assert house.sync(written) == Synced(added=("shop",))
    kept = house.read()
    assert (kept.origin, kept.state, kept.host, kept.events) == ("file", "active", "shop.example:443", ("task.*",))
    assert (kept.match, kept.format, kept.ordered, kept.rate, kept.concurrency) == (
        {"action": "UPSCALE"}, "cloudevents", False, 2.5, 9,
    )  # fmt: skip
    assert house.recipient() == written.recipient
    assert house.secrets() == [FIRST]
    dump = "".join(map(repr, house.ledger.sql("SELECT * FROM subscriptions, webhook_secrets")))
    assert not any(secret in dump for secret in ("t0ken", "p4ss", FIRST))


def test_a_file_that_says_the_same_changes_nothing(house):
    written = write(match={"depth": {"gte": 1}}, rate=2.0, secret=FIRST), write("other")
    house.sync(*written)
    before, version = house.ledger.ask(read_standing), house.version
    house.ledger.clock.now += HOUR
    assert house.sync(*written) == Synced()
    assert (house.ledger.ask(read_standing), house.version) == (before, version)


def test_what_is_another_is_changed_in_place(house):
    house.sync(write(secret=FIRST))
    added = house.read()
    house.ledger.clock.now += HOUR
    changed = write(url="https://new.example/x", events=("chain.settled",), match={}, format="gateway", concurrency=1,
                    secret=FIRST)  # fmt: skip
    assert house.sync(changed) == Synced(changed=("shop",))
    kept = house.read()
    assert (kept.host, kept.events, kept.match, kept.format) == ("new.example:443", ("chain.settled",), {}, "gateway")
    assert (kept.created_at, house.secrets()) == (added.created_at, [FIRST])
    assert house.recipient().url == "https://new.example/x"


def test_what_is_gone_is_deleted_and_its_secrets_are_wiped(house):
    house.sync(write(secret=FIRST), write("other"))
    assert house.sync(write("other")) == Synced(removed=("shop",))
    with pytest.raises(NoSuchSubscription):
        house.read()
    assert house.ledger.sql("SELECT sealed FROM subscriptions WHERE id = 'shop'") == [("",)]
    assert house.ledger.sql("SELECT * FROM webhook_secrets") == []


def test_what_comes_back_is_active_under_its_id(house):
    house.sync(write(secret=FIRST))
    house.ledger.do(disable_subscription, "shop", "no")
    house.sync()
    assert house.sync(write(secret=SECOND)) == Synced(added=("shop",))
    assert (house.read().state, house.read().reason, house.secrets()) == ("active", None, [SECOND])


def test_another_secret_signs_beside_the_one_before_for_a_day(house):
    house.sync(write(secret=FIRST))
    assert house.sync(write(secret=SECOND)) == Synced(changed=("shop",))
    assert house.secrets() == [SECOND, FIRST]
    house.ledger.clock.now += 24 * HOUR
    assert house.secrets() == [SECOND]
    assert house.sync(write(secret=SECOND)) == Synced()


def test_without_a_secret_the_services_own_signs_at_once(house):
    house.sync(write(secret=FIRST))
    assert house.sync(write()) == Synced(changed=("shop",))
    assert house.secrets() == []
    assert house.sync(write(secret=FIRST)) == Synced(changed=("shop",))
    assert house.secrets() == [FIRST]


def test_what_is_disabled_stays_so_until_it_is_called_elsewhere(house):
    house.sync(write())
    house.ledger.do(disable_subscription, "shop", "HTTP 410")
    assert house.sync(write()) == Synced()
    assert house.sync(write(events=("*",))) == Synced(changed=("shop",))
    assert house.read().state == "disabled"
    assert house.sync(write(url="https://new.example/", events=("*",))) == Synced(changed=("shop",), enabled=("shop",))
    house.ledger.do(disable_subscription, "shop", "HTTP 401 for 5 days")
    mended = write(url="https://new.example/", events=("*",), headers={"Authorization": "Bearer x"})
    assert house.sync(mended) == Synced(changed=("shop",), enabled=("shop",))
    assert (house.read().state, house.read().reason) == ("active", None)


def test_what_cannot_be_opened_any_more_is_sealed_anew_from_the_file(house):
    house.sync(write(secret=FIRST))
    house.ledger.do(disable_subscription, "shop", "the key is gone")
    house.sealer = Sealer([NEW_KEY])
    assert house.sync(write(secret=FIRST)) == Synced(changed=("shop",), enabled=("shop",))
    assert house.recipient() == write().recipient
    assert house.secrets() == [FIRST], "what cannot be opened cannot sign beside it"


def test_those_of_the_api_are_left_alone(house, make_subscription):
    house.ledger.do(add_subscription, make_subscription("sub_0123456789abcdef"))
    assert house.sync() == Synced()
    assert house.sync(write()) == Synced(added=("shop",))
    assert {each.id for each in house.ledger.ask(read_standing)} == {"sub_0123456789abcdef", "shop"}


def test_what_was_done_is_told_without_a_url(open_ledger, tmp_path):
    store, sealer = open_ledger().store, Sealer([OLD_KEY])

    async def change():
        await take_up(store, sealer, [write(), write("other")])
        await take_up(store, sealer, [write(events=("*",))])
        await take_up(store, sealer, [write(events=("*",))])

    with capture_logs() as lines:
        asyncio.run(change())
    told = [line for line in lines if line["event"].startswith("subscription")]
    assert [(line["event"], line.get("added"), line.get("changed"), line.get("removed")) for line in told] == [
        ("subscriptions taken up", "shop,other", None, None),
        ("subscriptions taken up", None, "shop", "other"),
        ("subscription removed", None, None, None),
    ]
    assert "t0ken" not in repr(lines)
    assert replace(write(), secret=FIRST).secret not in repr(write(secret=FIRST))

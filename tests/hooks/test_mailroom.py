"""What is kept of a subscriber's answers holds nothing of its address, its headers and its secrets."""

import base64
import json

import pytest

from hooks.mailroom import Mailroom
from hooks.recipient import Recipient
from hooks.sender import LONGEST_KEPT
from storage.outbox import Parcel
from storage.records import Event
from storage.records_of_deliveries import Delivery, Subscription
from storage.transaction import to_json

NOW = 1_800_000_000_000
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def make_parcel(recipient: Recipient) -> Parcel:
    """Nothing is sealed here."""
    delivery = Delivery(
        id=1,
        subscription_id="shop",
        seq=1,
        task_id=None,
        lane="shop",
        state="sending",
        apart=True,
        attempts=1,
        tries=1,
        next_at=None,
        created_at=NOW,
        done_at=None,
    )
    subscription = Subscription(
        id="shop",
        origin="api",
        host="h:1",
        sealed=to_json(recipient),
        events=("*",),
        created_at=NOW,
        updated_at=NOW,
    )
    event = Event(seq=1, id="evt_1", type="rule.paused", time=NOW, task=None)
    return Parcel(delivery=delivery, subscription=subscription, event=event, secrets=(SECRET,))


def read_back(said: str, *, url: str = "https://shop.example/in", **headers: str) -> str:
    """What is kept of an answer that says this."""
    mailroom = Mailroom(str, source="urn:ringback")
    return mailroom.prepare(make_parcel(Recipient(url=url, headers=headers)), NOW // 1000).opened.read(said.encode())


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer geheim-0123456789", "geheim-0123456789"),
        ("session=geheim0123456789; other=anders0123456789", "anders0123456789"),
        ("token=geheim0123456789,v=1", "geheim0123456789"),
        ('Digest username="me", response="geheim0123456789"', "geheim0123456789"),
        ("Basic " + base64.b64encode(b"merchant1:geheim0123456789").decode(), "geheim0123456789"),
        ("Basic " + base64.b64encode(b"merchant1:geheim0123456789").decode(), "merchant1"),
    ],
)
def test_no_part_of_a_header_is_kept(header: str, secret: str) -> None:
    assert secret not in read_back(f"you said {secret}!", Authorization=header)
    assert "you said" in read_back(f"you said {secret}!", Authorization=header)


@pytest.mark.parametrize("secret", ["ab.cd~ef.gh~ij.kl", "ab+cd/ef+gh=="])
def test_no_part_of_a_query_is_kept(secret: str) -> None:
    assert secret.split("/", maxsplit=1)[0] not in read_back(
        f"no such token: {secret}", url=f"https://shop.example/in?token={secret}"
    )


def test_a_secret_that_is_spelled_at_length_and_cut_is_not_kept_in_part() -> None:
    token = "geheim0123456789geheim0123456789"
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in token)
    said = ("x" * LONGEST_KEPT)[: LONGEST_KEPT - len(spelled) + 6] + spelled
    kept = read_back(said[:LONGEST_KEPT], Authorization=f"Bearer {token}")
    assert set(kept) == {"x"}
    assert json.loads(f'"{spelled}"') == token

"""Signatures of deliveries, against the library that receivers use. What node says to them: `tests/oracles`."""

import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from hooks.signature import LONGEST, SHORTEST, check_secret, make_secret, sign

BODY = '{"prompt":"一只猫 😀\u2028"}'.encode()


def written(length: int) -> str:
    return "whsec_" + b64encode(bytes(range(length))).decode()


@given(st.binary(min_size=SHORTEST, max_size=LONGEST), st.text())
def test_a_receiver_verifies_what_is_signed(secret: bytes, text: str) -> None:
    headers = sign(["whsec_" + b64encode(secret).decode()], "evt_1", int(time.time()), text.encode())
    Webhook(secret).verify(text.encode(), headers, json_parse=False)


def test_the_headers_are_those_of_the_specification() -> None:
    # The example of the specification's own libraries.
    headers = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_another_body_another_id_and_another_moment_are_noticed() -> None:
    secret, now = make_secret(), int(time.time())
    headers = sign([secret], "evt_1", now, BODY)
    webhook = Webhook(secret)
    webhook.verify(BODY, headers)
    for changed in (
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": str(now - 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            webhook.verify(BODY, headers | changed)
    with pytest.raises(WebhookVerificationError):
        webhook.verify(BODY + b" ", headers)


def test_while_a_secret_is_replaced_either_verifies_and_the_newest_stands_first() -> None:
    old, new, stranger = make_secret(), make_secret(), make_secret()
    headers = sign([new, old], "evt_1", int(time.time()), BODY)
    first, second = headers["webhook-signature"].split(" ")
    for secret, signature in ((new, first), (old, second)):
        Webhook(secret).verify(BODY, headers)
        Webhook(secret).verify(BODY, headers | {"webhook-signature": signature})
    with pytest.raises(WebhookVerificationError):
        Webhook(stranger).verify(BODY, headers)


def test_nothing_leaves_unsigned() -> None:
    with pytest.raises(ValueError, match="secret"):
        sign([], "evt_1", 1, BODY)


def test_a_made_secret_is_a_good_one_and_never_the_same() -> None:
    made = {make_secret() for _ in range(20)}
    assert len(made) == 20
    for secret in made:
        check_secret(secret)


@pytest.mark.parametrize("length", [SHORTEST, 25, 26, 32, LONGEST])
def test_24_to_64_bytes_are_a_secret(length: int) -> None:
    check_secret(written(length))


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "begins with whsec_"),
        ("WHSEC_" + written(32)[6:], "begins with whsec_"),
        (" " + written(32), "begins with whsec_"),
        ("whsec_", "base64"),
        (written(23), "24 to 64 bytes, and this one 23"),
        (written(65), "24 to 64 bytes, and this one 65"),
        (written(32)[:-1], "base64"),  # without its =
        (written(32) + "\n", "base64"),
        (written(32) + "==", "base64"),
        ("whsec_" + "-_" * 22, "base64"),
        ("whsec_" + "猫" * 44, "base64"),
        ("whsec_" + "A" * 41 + "B==", "base64"),  # two unused bits are set
    ],
)
def test_what_is_no_secret_is_refused_with_the_reason(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        check_secret(secret)
    assert secret[6:].strip() not in str(caught.value) or len(secret) <= 6


@given(st.text() | st.text().map(lambda text: "whsec_" + text))
def test_whatever_is_given_a_secret_is_good_or_a_mistake_is_told(secret: str) -> None:
    try:
        check_secret(secret)
    except ValueError:
        return
    Webhook(secret)

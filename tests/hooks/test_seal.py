"""What is sealed is opened by who has the key, and by nobody else."""

import hashlib
import string
from base64 import urlsafe_b64encode

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from hooks.errors import HookError, SealBroken
from hooks.seal import SALT, Sealer

OLD, NEW = "an-old-secret-key", "a-new-secret-key"
TEXT = '{"url":"https://shop.example/hook?key=topsecret","headers":{}}'


@given(st.text())
def test_a_sealed_text_is_opened_again(text: str) -> None:
    sealer = Sealer([NEW])
    assert sealer.open(sealer.seal(text)) == text


def test_a_seal_shows_nothing_and_is_another_one_each_time() -> None:
    sealer = Sealer([NEW])
    first, second = sealer.seal(TEXT), sealer.seal(TEXT)
    assert first != second
    assert set(first) <= set(string.ascii_letters + string.digits + "-_=.")
    assert "shop.example" not in first


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    before = Sealer([OLD]).seal(TEXT)
    both = Sealer([OLD, NEW])
    assert both.open(before) == TEXT
    assert Sealer([NEW]).open(both.seal(TEXT)) == TEXT


def test_what_older_keys_sealed_is_told_by_how_it_begins() -> None:
    both = Sealer([OLD, NEW])
    assert both.prefix == Sealer([NEW]).prefix != Sealer([OLD]).prefix
    assert both.seal(TEXT).startswith(both.prefix)
    assert not Sealer([OLD]).seal(TEXT).startswith(both.prefix)


def test_a_missing_key_says_what_to_do() -> None:
    with pytest.raises(SealBroken, match="put that key back in RINGBACK_SECRET_KEYS"):
        Sealer([NEW]).open(Sealer([OLD]).seal(TEXT))


def test_a_damaged_seal_says_so() -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal(TEXT)
    damaged = sealed[:-10] + ("A" if sealed[-10] != "A" else "B") + sealed[-9:]
    with pytest.raises(SealBroken, match="damaged"):
        sealer.open(damaged)


@given(st.text() | st.text().map(lambda text: Sealer([NEW]).prefix + text))
def test_whatever_is_opened_nothing_but_broken_seals_is_raised(text: str) -> None:
    with pytest.raises(SealBroken):
        Sealer([NEW]).open(text)


def test_a_broken_seal_is_an_error_of_the_door() -> None:
    assert issubclass(SealBroken, HookError)


@pytest.mark.parametrize("keys", [[], [""], [NEW, "  "]])
def test_a_sealer_needs_keys(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="secret key"):
        Sealer(keys)


def test_nothing_of_the_keys_is_shown() -> None:
    sealer = Sealer([OLD, NEW])
    for key in (OLD, NEW):
        assert key not in repr(sealer) + repr(vars(sealer)) + sealer.prefix + sealer.seal(TEXT)


def test_the_key_of_a_seal_is_no_other_key_of_the_service() -> None:
    token = Sealer([NEW]).seal(TEXT).partition(".")[2]
    for key in (Signer(NEW, salt=SALT, digest_method=hashlib.sha256).derive_key(), NEW.encode().ljust(32, b"\0")):
        with pytest.raises(InvalidToken):
            Fernet(urlsafe_b64encode(key)).decrypt(token)

import hashlib
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from hooks.errors import BadToken, ExpiredToken, HookError
from hooks.token import FORGIVEN_FUTURE, MAX_AGE, TOKEN_PATTERN, HookAddress, TokenSigner
from storage.store import make_nonce

TASK = "8123456789012345"
NONCE = "Zk3x_9AbQ-w"
NOW = 1_763_859_600.75
ALPHABET = string.ascii_letters + string.digits + "._-"

nonces = st.text(string.ascii_letters + string.digits + "_-", min_size=11, max_size=11)
task_ids = st.integers(8 * 10**15, 9 * 10**15 - 1).map(str)


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def signer(*keys: str, clock: Clock | None = None) -> TokenSigner:
    return TokenSigner(keys or ("a-secret-key",), clock=clock or Clock())


@given(task_ids, nonces)
def test_a_token_is_read_back_as_what_it_was_minted_for(task_id, nonce):
    assert signer().read(signer().mint(task_id, nonce)) == HookAddress(task_id=task_id, nonce=nonce)


@given(task_ids, nonces)
def test_a_token_needs_no_escaping_in_a_url(task_id, nonce):
    token = signer().mint(task_id, nonce)
    assert re.fullmatch(r"[A-Za-z0-9._-]{79}", token)


def test_a_nonce_has_the_shape_that_a_token_takes_and_does_not_repeat():
    fresh = {make_nonce() for _ in range(1000)}
    assert len(fresh) == 1000
    for nonce in fresh:
        signer().mint(TASK, nonce)


@pytest.mark.parametrize("position", range(79))
def test_no_character_of_a_token_can_be_changed(position):
    token = signer().mint(TASK, NONCE)
    for other in ALPHABET:
        if other != token[position]:
            with pytest.raises(BadToken):
                signer().read(token[:position] + other + token[position + 1 :])


@given(st.integers(0, 79), st.sampled_from(ALPHABET + "é\0 =/%"))
def test_no_character_can_be_added_to_a_token(position, extra):
    token = signer().mint(TASK, NONCE)
    with pytest.raises(BadToken):
        signer().read(token[:position] + extra + token[position:])


@given(st.text(max_size=300))
def test_any_other_text_is_refused_and_nothing_else_happens(text):
    with pytest.raises(BadToken):
        signer().read(text)


@pytest.mark.parametrize("token", ["", ".", "..", "a" * 100_000, "8" * 79, f"{TASK}-{NONCE}", "é" * 79, "\0" * 79])
def test_texts_of_another_shape_are_refused(token):
    with pytest.raises(BadToken):
        signer().read(token)


@pytest.mark.parametrize(
    ("task_id", "nonce"),
    [
        ("t1", NONCE),
        ("9" * 16, NONCE),
        (TASK + "0", NONCE),
        (TASK, "short"),
        (TASK, NONCE + "x"),
        (TASK, "a.b.c.d.e.f"),
    ],
)
def test_only_ids_and_nonces_of_ours_are_signed(task_id, nonce):
    with pytest.raises(ValueError, match="task id of ours"):
        signer().mint(task_id, nonce)


def test_a_signature_made_for_another_purpose_is_refused():
    class FrozenSigner(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(NOW)

    for salt, accepted in ((b"ringback.hook", True), (b"ringback.picture", False)):
        made = FrozenSigner("a-secret-key", salt=salt, digest_method=hashlib.sha256).sign(f"{TASK}-{NONCE}").decode()
        if accepted:
            assert signer().read(made).task_id == TASK
        else:
            with pytest.raises(BadToken):
                signer().read(made)


def test_keys_rotate():
    old = signer("old").mint(TASK, NONCE)
    both = signer("old", "new")
    assert both.read(old).nonce == NONCE
    assert signer("new").read(both.mint(TASK, NONCE)).nonce == NONCE
    for reader in (signer("new"), signer("stranger")):
        with pytest.raises(BadToken):
            reader.read(old)


@pytest.mark.parametrize("keys", [(), ("",), ("good", "  ")])
def test_a_blank_key_is_refused(keys):
    with pytest.raises(ValueError, match="key"):
        TokenSigner(keys)


@given(st.integers(-FORGIVEN_FUTURE, MAX_AGE))
def test_a_token_is_good_for_seven_days_and_on_a_clock_that_stepped_back_a_day(seconds):
    clock = Clock()
    tokens = signer(clock=clock)
    token = tokens.mint(TASK, NONCE)
    clock.now += seconds
    assert tokens.read(token).task_id == TASK


@given(st.integers(MAX_AGE + 1, 10**9))
def test_a_token_expires_after_seven_days(seconds):
    clock = Clock()
    tokens = signer(clock=clock)
    token = tokens.mint(TASK, NONCE)
    clock.now += seconds
    with pytest.raises(ExpiredToken):
        tokens.read(token)


@given(st.integers(FORGIVEN_FUTURE + 1, 10**9))
def test_a_token_from_more_than_a_day_ahead_is_refused(seconds):
    clock = Clock()
    tokens = signer(clock=clock)
    token = tokens.mint(TASK, NONCE)
    clock.now -= seconds
    with pytest.raises(BadToken, match="clock"):
        tokens.read(token)


def test_an_expired_token_of_a_stranger_is_bad_and_not_expired():
    token = signer("stranger", clock=Clock(NOW - 2 * MAX_AGE)).mint(TASK, NONCE)
    with pytest.raises(BadToken):
        signer().read(token)


def test_the_life_of_a_token_can_be_shortened():
    clock = Clock()
    tokens = TokenSigner(["a-secret-key"], clock=clock, max_age=60)
    token = tokens.mint(TASK, NONCE)
    clock.now += 61
    with pytest.raises(ExpiredToken):
        tokens.read(token)


@given(task_ids, nonces, st.text(max_size=20), st.text(max_size=20))
def test_a_token_is_found_inside_any_text(task_id, nonce, before, after):
    token = signer().mint(task_id, nonce)
    assert TOKEN_PATTERN.search(before + token + after)


@pytest.mark.parametrize(
    "around",
    ["https://ringback.example/hooks/{}", "https%3A%2F%2Fringback.example%2Fhooks%2F{}%3Fa%3D1", "hook={}&x=1", "9{}"],
)
def test_a_token_is_found_in_a_url_escaped_or_not(around):
    token = signer().mint(TASK, NONCE)
    found = TOKEN_PATTERN.search(around.format(token))
    assert found is not None and found[0] == token


@pytest.mark.parametrize(
    "text", [TASK, f"{TASK}-{NONCE}", "1763859600123456", "26d56b92-4ed6-45e2-8561-563797923135", "8.8.8.8"]
)
def test_ids_alone_are_not_taken_for_a_token(text):
    assert not TOKEN_PATTERN.search(text)


def test_every_refusal_reads_as_a_sentence():
    for error in (BadToken(), ExpiredToken()):
        assert isinstance(error, HookError)
        assert str(error).endswith(".")

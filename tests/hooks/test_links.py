"""Links that open one thing for a while."""

from urllib.parse import parse_qsl

import pytest

from hooks.links import LIFETIME, STEP, LinkSigner

OLD, NEW = "old-secret-0123456789", "new-secret-0123456789"
NAME = "8000000000000001"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, strict_parsing=True))


def test_a_link_opens_what_it_names_until_it_ends(clock: Clock) -> None:
    signer = LinkSigner([OLD], clock=clock)
    link = query(signer.sign(NAME))
    assert LIFETIME < int(link["expires"]) - clock.now <= LIFETIME + STEP
    assert signer.opens(NAME, link)
    clock.now = float(link["expires"]) - 1
    assert signer.opens(NAME, link)
    clock.now += 1
    assert not signer.opens(NAME, link)


def test_links_of_one_day_are_the_same(clock: Clock) -> None:
    signer = LinkSigner([OLD], clock=clock)
    clock.now = clock.now // STEP * STEP
    first = signer.sign(NAME)
    clock.now += STEP - 1
    assert signer.sign(NAME) == first
    clock.now += 1
    assert signer.sign(NAME) != first


def test_a_link_outlives_its_key_as_long_as_that_is_known(clock: Clock) -> None:
    link = query(LinkSigner([OLD], clock=clock).sign(NAME))
    assert LinkSigner([OLD, NEW], clock=clock).opens(NAME, link)
    assert not LinkSigner([NEW], clock=clock).opens(NAME, link)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"expires": "1900000000"}, id="a later end"),
        pytest.param({"expires": ""}, id="no end"),
        pytest.param({"expires": "\u0661"}, id="odd digits"),
        pytest.param({"signature": ""}, id="no signature"),
        pytest.param({"signature": "x"}, id="a wrong signature"),
        pytest.param({"signature": "é"}, id="no ASCII"),
    ],
)
def test_a_link_that_was_changed_opens_nothing(clock: Clock, change: dict[str, str]) -> None:
    signer = LinkSigner([OLD], clock=clock)
    link = query(signer.sign(NAME))
    assert not signer.opens(NAME, link | change)
    assert not signer.opens("8000000000000002", link)
    assert not signer.opens(NAME, {})

"""Whom a subscription calls: what may be shown of its URL, and which headers it may bring."""

import msgspec
import pytest

from hooks.errors import ForbiddenTarget
from hooks.recipient import Recipient, find_header_mistakes, name_host


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/hook?token=1", "shop.example:443"),
        ("http://shop.example:8080", "shop.example:8080"),
        ("http://shop.example", "shop.example:80"),
        ("https://[2606:4700::1111]/x", "[2606:4700::1111]:443"),
        ("https://商店.example/x", "xn--czrs0t.example:443"),
    ],
)
def test_the_host_is_all_that_is_shown(url: str, host: str) -> None:
    assert name_host(url) == host


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://a.example", "https://", "https://u:p@a.example/", "http://[::1", "\x00"]
)
def test_what_can_never_be_called_has_no_host(url: str) -> None:
    with pytest.raises(ForbiddenTarget):
        name_host(url)


def test_neither_the_url_nor_a_header_is_in_its_repr() -> None:
    recipient = Recipient(url="https://shop.example/s3cret", headers={"Authorization": "s3cret"})
    assert "s3cret" not in repr(recipient)
    assert msgspec.json.decode(msgspec.json.encode(recipient), type=Recipient) == recipient


@pytest.mark.parametrize("name", ["Host", "webhook-id", "CE-Type", "Content-Type", "Transfer-Encoding", "connection"])
def test_what_a_delivery_says_itself_is_refused(name: str) -> None:
    (mistake,) = find_header_mistakes({name: "x"})
    assert mistake.startswith(f"{name} is set by each delivery itself")


@pytest.mark.parametrize("value", ["", " x", "x ", "a\nb", "a\x00", "日", "x" * 4001])
def test_a_value_is_printable_and_is_never_quoted(value: str) -> None:
    (mistake,) = find_header_mistakes({"X-Shop": value})
    assert mistake.startswith("X-Shop has a value")


def test_usual_headers_are_well() -> None:
    assert find_header_mistakes({"Authorization": "Bearer x.y", "X-Shop": "7", "user-agent": "a b"}) == []

"""Whom a subscription calls: its URL and its own headers, which are kept sealed."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from hooks.errors import ForbiddenTarget
from hooks.guard import read_host

LONGEST_URL: Final = 2000  # characters
MOST_HEADERS: Final = 20
LONGEST_NAME: Final = 100  # characters of a header's name
LONGEST_VALUE: Final = 4000  # characters of a header's value

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # printable ASCII without blanks around it
# What a delivery says itself, and what belongs to its connection.
_OURS: Final = ("webhook-", "ce-", "content-", "proxy-")
_RESERVED: Final = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "accept-encoding"}
)
_PORTS: Final = {"http": 80, "https": 443}


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Where deliveries go. As JSON, sealed, it is `storage.records.Subscription.sealed`."""

    url: str
    headers: dict[str, str] = {}  # beside those of each delivery, such as an Authorization

    def __repr__(self) -> str:
        return "Recipient(…)"  # either may hold a secret


def name_host(url: str) -> str:
    """Give all of a URL that logs and lists may show: `shop.example:443`.

    Raises ForbiddenTarget for what can never be called: it has no http(s) scheme or no host, or a user name in it.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise ForbiddenTarget("that is not a URL") from None
    host = read_host(parsed)
    return f"{f'[{host}]' if ':' in host else host}:{parsed.port or _PORTS[parsed.scheme]}"


def find_header_mistakes(headers: Mapping[str, str]) -> list[str]:
    """Give what is wrong with a subscription's own headers; no value is ever quoted."""
    if len(headers) > MOST_HEADERS:
        return [f"there may be {MOST_HEADERS} of them, not {len(headers)}"]
    spelled = Counter(map(str.lower, headers))
    mistakes = [f"{name} is there twice, spelled differently" for name, count in spelled.items() if count > 1]
    for name, value in headers.items():
        if len(name) > LONGEST_NAME or not _TOKEN.fullmatch(name):
            mistakes.append(f"{name[:LONGEST_NAME]!r} is not a header's name: letters, digits and hyphens, no blanks")
        elif name.lower() in _RESERVED or name.lower().startswith(_OURS):
            mistakes.append(f"{name} is set by each delivery itself, and cannot be given")
        elif len(value) > LONGEST_VALUE or not _VALUE.fullmatch(value):
            mistakes.append(
                f"{name} has a value that no header can have: 1 to {LONGEST_VALUE} printable ASCII characters"
            )
    return mistakes

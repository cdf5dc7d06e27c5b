"""Who may be called: the addresses behind a URL that somebody else chose, vetted. Pure; `hooks.guard` connects.

A stranger's URL must not reach what only this machine can reach: its own ports, the network around it, a cloud's
metadata. The table follows IANA's registries of special-purpose addresses (iana.org/assignments, RFC 6890) and adds
what they leave out. `ipaddress.is_global` would not do: it passes multicast, NAT64 and 6to4, and changes with Python.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from hooks.errors import ForbiddenTarget

SETTING: Final = "RINGBACK_ALLOW_TARGETS"  # what a refusal tells people to set
LONGEST_HOST: Final = 253  # characters of a host name (RFC 1035)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PRIVATE: Final = "a private address"
_LINK: Final = "a link-local address (a cloud's metadata is there)"
_EXAMPLE: Final = "an address for examples and tests"
_MULTICAST: Final = "a multicast address"
_SPECIAL: Final = "an address with a special purpose"
_FORBIDDEN: Final = tuple(
    (ip_network(text), what)
    for text, what in (
        ("0.0.0.0/8", "this machine"),
        ("127.0.0.0/8", "this machine"),
        ("10.0.0.0/8", _PRIVATE),
        ("172.16.0.0/12", _PRIVATE),
        ("192.168.0.0/16", _PRIVATE),
        ("100.64.0.0/10", "an address inside a provider's network"),  # Alibaba's metadata too: 100.100.100.200
        ("169.254.0.0/16", _LINK),
        ("168.63.129.16/32", "the address of Azure's own services"),  # in no registry: it is a public one
        ("192.0.0.0/24", _SPECIAL),  # Oracle's metadata too: 192.0.0.192
        ("192.88.99.0/24", _SPECIAL),  # 6to4 relays, given up by RFC 7526
        ("192.0.2.0/24", _EXAMPLE),
        ("198.18.0.0/15", _EXAMPLE),
        ("198.51.100.0/24", _EXAMPLE),
        ("203.0.113.0/24", _EXAMPLE),
        ("224.0.0.0/4", _MULTICAST),
        ("240.0.0.0/4", _SPECIAL),
        ("::/127", "this machine"),  # :: and ::1
        ("fc00::/7", _PRIVATE),
        ("fec0::/10", _PRIVATE),  # site-local, given up by RFC 3879
        ("fe80::/10", _LINK),
        ("ff00::/8", _MULTICAST),
        ("2001:db8::/32", _EXAMPLE),
        ("3fff::/20", _EXAMPLE),
        ("2001::/23", _SPECIAL),  # Teredo is in it, with two IPv4 addresses inside
    )
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")  # all that was ever given out (RFC 4291); what is outside is refused
_NAT64: Final = IPv6Network("64:ff9b::/96")  # how a network without IPv4 shows every IPv4 host (RFC 6052)
_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HOST: Final = re.compile(
    r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE
)  # what is looked up: some do end in a dash
# What the system would take for an IPv4 address, however it is spelled: no name ends so (url.spec.whatwg.org).
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowList:
    """What may be called although the table forbids it."""

    ranges: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()  # hosts, in lower case; wherever they point to

    def has(self, address: Address) -> bool:
        """Whether the address is in one of the ranges."""
        return any(address in each for each in self.ranges)


def parse_allow_list(text: str) -> AllowList:
    """The list in `10.0.0.0/8, 192.168.1.7, n8n`: ranges, addresses and host names, separated by commas.

    Raises ValueError that says what is wrong with each entry that is.
    """
    ranges: list[Network] = []
    names: set[str] = set()
    mistakes: list[str] = []
    for entry in filter(None, (each.strip().lower().rstrip(".") for each in text.split(","))):
        try:
            ranges.append(ip_network(entry))
        except ValueError:
            try:
                names.add(_read_name(entry))
            except ValueError as error:
                mistakes.append(str(error))
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return AllowList(ranges=tuple(ranges), names=frozenset(names))


def _read_name(entry: str) -> str:
    """The entry as a host name. Raises ValueError: it is none, and no range either."""
    if _is_name(entry):
        return entry
    if "://" in entry:
        raise ValueError(f"{entry!r} is a URL; write its host alone")
    host, _, port = entry.rpartition(":")
    if host and port.isdecimal() and (":" not in host or host.endswith("]")):
        raise ValueError(f"{entry!r} has a port, and a host is allowed with all its ports: write {host.strip('[]')}")
    try:
        meant = ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"{entry!r} is no address, no range such as 10.0.0.0/8 and no host name") from None
    raise ValueError(f"{entry!r} begins in the middle of a range: write {meant} for the range, or one address")


def _is_name(text: str) -> bool:
    """Whether this can be a host name; one that ends in a number is an odd way to write an address."""
    return bool(len(text) <= LONGEST_HOST and _NAME.fullmatch(text)) and not _NUMBER.fullmatch(text)


def require_usual_spelling(host: str) -> None:
    """Raise ForbiddenTarget for what is no host, or an odd way to write an address (`0x7f.1`, `127.1`, a zone id).

    Whoever looks at a URL has to see the address that is called.
    """
    if ":" in host or _NUMBER.fullmatch(host):
        _read_address(host, host)
    elif not _HOST.fullmatch(host):
        raise ForbiddenTarget("that is no name that a host can have")


def vet(host: str, answers: Iterable[str], allowed: AllowList) -> tuple[Address, ...]:
    """The addresses that a host has, when every one of them may be called; none when there are none.

    `answers` are what the name was resolved to, or the host itself where it is an address. Raises ForbiddenTarget,
    which names the line to add.
    """
    name = host.lower().rstrip(".")
    addresses = tuple(_read_address(host, answer) for answer in answers)
    if name in allowed.names:
        return addresses
    for reached in map(_reached_by, addresses):
        what = None if allowed.has(reached) else _why_forbidden(reached)
        if what:
            who = f"{host} is" if host == str(reached) else f"{host} has the address {reached},"
            line = f"{SETTING}={name if _is_name(name) else reached}"
            beside = " (with a comma, behind what stands there)" if allowed.ranges or allowed.names else ""
            raise ForbiddenTarget(f"{who} {what}, and is not called; to allow it: {line}{beside}")
    return addresses


def _read_address(host: str, answer: str) -> Address:
    try:
        address = ip_address(answer)
    except ValueError:
        how = "is an address in an unusual spelling" if host == answer else "has an address that cannot be read"
        raise ForbiddenTarget(f"{host} {how}, and is not called") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ForbiddenTarget(f"{host} has an address of one network interface alone, and is not called")
    return address


def _reached_by(address: Address) -> Address:
    """Where a packet to this address arrives: the IPv4 address within an IPv4-mapped, 6to4 or NAT64 one, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _why_forbidden(address: Address) -> str | None:
    """What the address is, in a person's words, if nobody may call it unasked."""
    for network, what in _FORBIDDEN:
        if address in network:
            return what
    return _SPECIAL if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6 else None

"""`gateways:` and `groups:` of `ringback.yaml`: who may be asked, and who steps in for whom."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar, get_args

from service.gateways.actions import ACTIONS, Mode
from service.gateways.presets import PRESETS, Auth, Gateway, ModeStyle, clean_gateway_url
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node
from storage.actions import CLICK_ACTIONS

T = TypeVar("T", bound=str)
MODES: Final = get_args(Mode)
MOST_IN_FLIGHT: Final = 10_000
MOST_PER_MINUTE: Final = 100_000
PRICED: Final = frozenset(ACTIONS) | CLICK_ACTIONS
NAME_AT_MOST: Final = 64  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """The gateways, the default one first, and the groups of them."""

    gateways: tuple[Gateway, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # members in the order in which they are tried

    def price(self, gateway: str, action: str, mode: str | None) -> float | None:
        """What one submission of an action costs at a gateway, in its currency; None where nobody said.

        Where no mode is asked for, it is the gateway's own.
        """
        for each in self.gateways:
            if each.name == gateway:
                return each.price(action, mode or each.mode)
        return None


def read_gateways(node: Node) -> tuple[Gateway, ...]:
    """The Gateways that a list writes down; mistakes are noted on the node's document."""
    found: dict[str, Gateway] = {}
    for item in node.items():
        gateway = _read_gateway(item)
        if gateway is None:
            continue
        if gateway.name in found:
            item.mistake(f"there is a gateway {quoted(gateway.name)} already")
        found.setdefault(gateway.name, gateway)
    return tuple(found.values())


def read_groups(node: Node, gateways: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """The groups that a mapping of names to lists of `gateways` writes down; mistakes are noted on its document."""
    groups: dict[str, tuple[str, ...]] = {}
    for key, value in node.entries():
        if not key.raw.strip():
            key.mistake("a group needs a name")
        if key.raw in gateways:
            key.mistake(f"{quoted(key.raw)} is a gateway; give the group another name")
        members: list[str] = []
        for item in value.items():
            name = item.text()
            if name is None:
                continue
            if name not in gateways:
                item.mistake(f"there is no gateway {quoted(name)}{did_you_mean(name, gateways)}")
            elif name in members:
                item.mistake(f"{quoted(name)} is in it already")
            members.append(name)
        if isinstance(value.value, list) and not value.value:
            value.mistake("a group needs a gateway")
        groups[key.raw] = tuple(members)
    return groups


def _read_gateway(node: Node) -> Gateway | None:
    known = ("name", "preset", "url", "key", "auth", "mode", "mode_style", "limits", "prices")
    values = node.mapping(known, required=("name", "preset", "key"))
    name = _read_name(values["name"]) if "name" in values else None
    preset_name = _read_word(values.get("preset"), tuple(PRESETS))
    key = _read_key(values["key"]) if "key" in values else None
    url = _read_url(values["url"]) if "url" in values else None
    auth: Auth | None = _read_word(values.get("auth"), get_args(Auth))
    mode: Mode | None = _read_word(values.get("mode"), MODES)
    mode_style: ModeStyle | None = _read_word(values.get("mode_style"), get_args(ModeStyle))
    limits = values["limits"].mapping(("in_flight", "per_minute")) if "limits" in values else {}
    in_flight = limits["in_flight"].whole(1, MOST_IN_FLIGHT) if "in_flight" in limits else None
    per_minute = limits["per_minute"].whole(1, MOST_PER_MINUTE) if "per_minute" in limits else None
    prices = _read_prices(values["prices"]) if "prices" in values else {}
    preset = PRESETS.get(preset_name or "")
    if preset and preset.url is None and "url" not in values:
        node.mistake(f"{preset.name} has no host of its own; give its url")
    url = url or (preset.url if preset else None)
    if name is None or preset is None or key is None or url is None:
        return None
    return Gateway(
        name=name,
        url=url,
        key=key,
        auth=auth or preset.auth,
        mode=mode,
        mode_style=mode_style or preset.mode_style,
        in_flight=in_flight,
        per_minute=per_minute,
        prices=prices,
    )


def _read_name(node: Node) -> str | None:
    name = node.text()
    if name is not None and not (name.strip() == name and 0 < len(name) <= NAME_AT_MOST and name.isprintable()):
        node.mistake(f"a name has 1 to {NAME_AT_MOST} printable characters, and no blank at its ends")
        return None
    return name


def _read_key(node: Node) -> str | None:
    if node.kind.startswith("the number"):
        node.mistake("expected text; put the key in quotes, or better: key: ${NAME}, from the environment")
        return None
    key = node.filled()
    if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
        node.mistake("a key is made of plain ASCII characters without blanks")
        return None
    return key


def _read_url(node: Node) -> str | None:
    text = node.filled()
    if text is None:
        return None
    try:
        return clean_gateway_url(text)
    except ValueError as error:
        # What is wrong with a URL may quote it.
        node.mistake(f"what {node.kind} stands for is not a gateway's URL" if node.is_filled else str(error))
        return None


def _read_word(node: Node | None, known: tuple[T, ...]) -> T | None:
    text = node.text() if node else None
    for word in known:
        if word == text:
            return word
    if node and text is not None:
        hint = did_you_mean(text, known) or f" (known: {', '.join(known)})"
        node.mistake(f"there is no {quoted(text)}{hint}")
    return None


def _read_prices(node: Node) -> dict[str, float]:
    prices: dict[str, float] = {}
    for key, value in node.entries():
        action, _, mode = key.raw.partition(" ")
        if action not in PRICED:
            key.mistake(f"there is no action {quoted(action)}{did_you_mean(action, PRICED)}")
        elif mode and mode not in MODES:
            key.mistake(f"there is no mode {quoted(mode)}{did_you_mean(mode, MODES)}")
        price = value.value
        if isinstance(price, int | float) and not isinstance(price, bool) and price >= 0 and math.isfinite(price):
            prices[key.raw] = float(price)
        else:
            value.mistake(f"expected a price, 0 or more, found {value.kind}")
    return prices

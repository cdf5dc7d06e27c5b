"""The gateways that need no explanation. They differ in this table and nowhere else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from service.gateways.actions import Mode
from service.written.urls import clean_url
from storage.records import JSON

_MODE_AT_END: Final = re.compile(r"(?<!/)/(mj-)?(?:fast|relax|turbo)$")
Auth = Literal["raw", "bearer", "mj-api-secret", "both"]
ModeStyle = Literal["path", "filter"]

# How a key travels. new-api takes every form; midjourney-proxy (novicezk) reads `mj-api-secret` alone; its C# sister
# (trueai-org) compares Authorization as it is, so a "Bearer" there hides a right secret.
_HEADERS: dict[Auth, dict[str, str]] = {
    "raw": {"Authorization": "{key}"},
    "bearer": {"Authorization": "Bearer {key}"},
    "mj-api-secret": {"mj-api-secret": "{key}"},
    "both": {"Authorization": "Bearer {key}", "mj-api-secret": "{key}"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """What is known of a gateway before anybody configures it."""

    name: str
    url: str | None  # None where everybody has a host of their own
    auth: Auth
    # How a mode travels: before `/mj/` as in `/mj-fast/mj/…` (resellers, one-hub, trueai-org), or as `accountFilter`
    # in the body (midjourney-proxy-plus; novicezk's does not read it).
    mode_style: ModeStyle = "path"


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(name="fuhuapi", url="https://api.fuhuapi.com", auth="raw"),
        Preset(name="deerapi", url="https://api.deerapi.com", auth="raw"),
        Preset(name="kuaiwenwen", url=None, auth="bearer"),
        Preset(name="midjourney-proxy", url=None, auth="mj-api-secret", mode_style="filter"),
        Preset(name="new-api", url=None, auth="bearer"),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """One gateway as configured."""

    name: str  # as tasks carry it
    url: str  # everything before `/mj/`, without a slash at the end
    key: str = field(repr=False)
    auth: Auth
    mode: Mode | None = None  # of tasks that ask for none; None leaves it to the gateway
    mode_style: ModeStyle = "path"
    in_flight: int | None = None  # tasks at once: sent, and not ended
    per_minute: int | None = None  # submissions in any 60 seconds
    prices: Mapping[str, float] = field(default_factory=dict)  # by action, or by action and mode: "IMAGINE fast"

    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        return {name: form.format(key=self.key) for name, form in _HEADERS[self.auth].items()}

    def address(self, path: str, mode: Mode | None = None) -> str:
        """The whole URL of a path below `/mj`, in a mode; where the configured URL ends in one, it takes its place."""
        if mode is None or self.mode_style != "path":
            return f"{self.url}/mj{path}"
        base, is_named = _MODE_AT_END.subn(rf"/\g<1>{mode}", self.url)
        return f"{base}/mj{path}" if is_named else f"{self.url}/mj-{mode}/mj{path}"

    def filter(self, mode: Mode | None) -> JSON:
        """What a body says of the mode, where the path does not."""
        return {"accountFilter": {"modes": [mode.upper()]}} if mode and self.mode_style == "filter" else {}

    def price(self, action: str, mode: str | None) -> float | None:
        """What one submission of an action costs, in the gateway's own currency; None where nobody said."""
        return self.prices.get(f"{action} {mode}", self.prices.get(action))


def clean_gateway_url(text: str) -> str:
    """The part of a gateway's URL before `/mj/`, as one may paste it. Raises ValueError that says what is wrong.

    Modes stay: `https://host/mj-fast/mj/submit/imagine` gives `https://host/mj-fast`.
    """
    parts = urlsplit(clean_url(text))
    path = f"{parts.path}/".partition("/mj/")[0].rstrip("/")
    return urlunsplit(parts._replace(path=path))

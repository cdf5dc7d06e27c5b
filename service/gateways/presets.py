"""The gateways that need no explanation. They differ in this table and nowhere else."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from service.written.urls import clean_url

Auth = Literal["raw", "bearer", "mj-api-secret", "both"]

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


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(name="fuhuapi", url="https://api.fuhuapi.com", auth="raw"),
        Preset(name="deerapi", url="https://api.deerapi.com", auth="raw"),
        Preset(name="kuaiwenwen", url=None, auth="bearer"),
        Preset(name="midjourney-proxy", url=None, auth="mj-api-secret"),
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

    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        return {name: form.format(key=self.key) for name, form in _HEADERS[self.auth].items()}


def clean_gateway_url(text: str) -> str:
    """The part of a gateway's URL before `/mj/`, as one may paste it. Raises ValueError that says what is wrong.

    Modes stay: `https://host/mj-fast/mj/submit/imagine` gives `https://host/mj-fast`.
    """
    parts = urlsplit(clean_url(text))
    path = f"{parts.path}/".partition("/mj/")[0].rstrip("/")
    return urlunsplit(parts._replace(path=path))

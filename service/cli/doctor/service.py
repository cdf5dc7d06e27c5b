"""The service: whether it runs, and what it knows of the hooks of its gateways."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from hooks.clients import api_client
from service.cli.doctor.finding import Finding, ill, well
from service.gateways.health import HORIZON, WINDOW, Health, judge
from service.gateways.presets import Gateway
from service.gateways.status import ask_status
from service.settings import Settings
from service.web.api.gateways import Hooks
from storage.arrivals import list_arrivals
from storage.errors import LedgerError
from storage.sqlite import is_there, open_reader

DEADLINE = 10.0  # seconds


class _Shown(msgspec.Struct):
    name: str
    hooks: Hooks


class _Page(msgspec.Struct):
    gateways: list[_Shown]


def examine_service(url: str) -> Finding:
    """Ask the service whether it is able to work."""
    try:
        answer = _get(url, "/readyz")
        said: Any = msgspec.json.decode(answer.content)
        checks = said["checks"]
    except httpx.HTTPError:
        detail = f"Nothing answers at {url}."
        return ill("service", detail, "Start it: `ringback serve`; does it run elsewhere, set RINGBACK_URL.")
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
        detail = f"What answers at {url} is no Ringback."
        return ill("service", detail, "Set RINGBACK_URL, or PORT, which may be taken by another program.")
    if answer.status_code != 200:
        troubles = "; ".join(f"{name}: {said}" for name, said in checks.items() if said != "ok")
        return ill("service", f"It runs and is not able to work: {troubles}.", "Its log says more.")
    return well("service", f"It runs at {url} and is able to work.")


async def read_health(
    http: httpx.AsyncClient, settings: Settings, api_key: str | None, gateways: Sequence[Gateway]
) -> dict[str, Health]:
    """How the hooks of each gateway do: by the running service, else by the ledger; and what each says of itself."""
    known = _ask_service(settings.url, api_key)
    found = {}
    for gateway in gateways:
        declared = await ask_status(http, gateway.url) if settings.public_url else None
        health = known.get(gateway.name) or _read_ledger(settings, gateway.name)
        if declared is not None and not (health.by_callback + health.by_fetch):
            health = judge((), declared=declared, reachable=settings.public_url is not None)
        found[gateway.name] = health if declared is None else msgspec.structs.replace(health, declared=declared)
    return found


def _ask_service(url: str, api_key: str | None) -> dict[str, Health]:
    try:
        page = msgspec.json.decode(_get(url, "/v1/gateways", api_key).content, type=_Page)
    except (httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return {
        each.name: Health(
            state=each.hooks.state,
            by_callback=each.hooks.by_callback,
            by_fetch=each.hooks.by_fetch,
            declared=each.hooks.declared,
        )
        for each in page.gateways
    }


def _read_ledger(settings: Settings, gateway: str) -> Health:
    arrivals = []
    if is_there(settings.database):
        since = int((time.time() - HORIZON) * 1000)
        try:
            connection = open_reader(settings.database)
            try:
                arrivals = list_arrivals(connection, gateway, since=since, limit=WINDOW)
            finally:
                connection.close()
        except (LedgerError, sqlite3.Error):
            pass  # told of as the ledger's trouble
    return judge(arrivals, declared=None, reachable=settings.public_url is not None)


def _get(url: str, path: str, api_key: str | None = None) -> httpx.Response:
    with api_client(url, api_key) as http:
        return http.get(path, timeout=DEADLINE)

"""A gateway: reached, shown its key in the form that it wants, asked for the time and for its hooks.

Every question here is free: what a gateway is asked for is a list of no tasks.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import httpx
import msgspec

from hooks.blanker import Blanker
from service.cli.doctor.finding import Finding, ill, well
from service.gateways.exchange import Exchange, Heard
from service.gateways.health import Health
from service.gateways.presets import PRESETS, Auth, Gateway
from service.gateways.questions import LIST

DEADLINE: Final = 15.0  # seconds for one question
LONGEST: Final = 256 * 1024  # bytes of an answer
SKEW_AT_MOST: Final = 60.0  # seconds between two clocks; HTTP's dates are whole seconds, and answers take their time
NO_TASK: Final = "/task/0/fetch"  # for gateways without lists

Verdict = Literal["answers", "refuses the key", "is no gateway", "fails", "is out of reach"]


class Knock(NamedTuple):
    """What came of one question."""

    verdict: Verdict
    detail: str
    ahead: float | None = None  # seconds by which its clock is ahead of ours


async def examine_gateway(http: httpx.AsyncClient, gateway: Gateway, *, written: bool) -> AsyncIterator[Finding]:
    """Look at one gateway; `written` says that it stands in `ringback.yaml`, and not in the environment."""
    knock = await _knock(http, gateway)
    if knock.verdict in ("answers", "refuses the key"):
        yield well("gateway", f"{gateway.name} answers at {urlsplit(gateway.url).netloc.rpartition('@')[2]}.")
        yield await _examine_key(http, gateway, knock, written=written)
    else:
        yield ill("gateway", f"{gateway.name} {knock.verdict}: {knock.detail}.", _advise(knock.verdict, written))
    if knock.ahead is not None:
        yield _examine_clock(gateway, knock.ahead)


def _advise(verdict: Verdict, written: bool) -> str:
    setting = "its `url` in ringback.yaml" if written else "RINGBACK_GATEWAY_URL"
    match verdict:
        case "is out of reach":
            return f"Look whether {setting} is right, and whether this machine reaches it (DNS, firewall)."
        case "is no gateway":
            return f"Set {setting} to what stands before /mj/ in the addresses that the gateway's own page shows."
        case _:
            return "Wait, or ask the gateway's operator; what is submitted meanwhile is kept, and never paid twice."


async def _examine_key(http: httpx.AsyncClient, gateway: Gateway, knock: Knock, *, written: bool) -> Finding:
    if knock.verdict == "answers":
        return well("key", f"{gateway.name} takes the key in the form {gateway.auth!r}.")
    for auth in get_args(Auth):
        if auth != gateway.auth and (await _knock(http, replace(gateway, auth=auth))).verdict == "answers":
            detail = f"{gateway.name} refuses the key in the form {gateway.auth!r}, and takes it as {auth!r}."
            return ill("key", detail, _advise_form(gateway, auth, written))
    where = "`key` of it in ringback.yaml" if written else "RINGBACK_GATEWAY_KEY"
    detail = f"{gateway.name} refuses the key in every form: {knock.detail}."
    return ill(
        "key", detail, f"Copy the key anew from the gateway's own page into {where}; look whether it has run out."
    )


def _advise_form(gateway: Gateway, auth: Auth, written: bool) -> str:
    in_file = f"auth: {auth}"
    if written:
        return f"Add `{in_file}` to it in ringback.yaml."
    fitting = [each.name for each in PRESETS.values() if each.auth == auth]
    instead = f"Set RINGBACK_GATEWAY={fitting[0]} and RINGBACK_GATEWAY_URL={gateway.url}, or w" if fitting else "W"
    return f"{instead}rite it under `gateways:` in ringback.yaml, with `{in_file}`."


def _examine_clock(gateway: Gateway, ahead: float) -> Finding:
    if abs(ahead) <= SKEW_AT_MOST:
        return well("clock", f"The clocks here and at {gateway.name} agree.")
    away = f"{abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'}"
    remedy = "Set this machine's clock (NTP); is it right, then the times that this gateway tells are wrong."
    return ill("clock", f"The clock at {gateway.name} is {away} ours.", remedy)


def examine_hooks(gateway: Gateway, health: Health) -> Finding:
    """What the ledger and the gateway itself say of its hooks."""
    ended = health.by_callback + health.by_fetch
    seen = (
        f"{health.by_callback} of its latest {ended} endings came by a callback"
        if ended
        else "nothing has ended since the service started, or for long"
    )
    if health.declared is False:
        seen += "; it says itself that it passes no hooks on (mj_notify_enabled is false)"
    detail = f"{gateway.name}: {seen}."
    switch = "Ask its operator to switch callbacks on (new-api: MjNotifyEnabled, on every hop)."
    match health.state:
        case "missing":
            return ill("hooks", detail, f"{switch} Until then it is asked in batches, and all works, only slower.")
        case "patchy":
            remedy = (
                "Look in the log of your reverse proxy for /hooks/ calls that it refused; what is lost is asked for."
            )
            return ill("hooks", detail, remedy)
        case "off":
            return well("hooks", f"{gateway.name}: off, since there is no RINGBACK_PUBLIC_URL; it is asked in batches.")
        case _:
            return well("hooks", detail)


async def _knock(http: httpx.AsyncClient, gateway: Gateway) -> Knock:
    exchange = Exchange(gateway, http, deadline=DEADLINE, longest=LONGEST, blanker=Blanker((gateway.key,)))
    try:
        heard = await exchange.send(exchange.prepare("POST", LIST, {"ids": []}))
        if heard.status in (404, 405):
            heard = await exchange.send(exchange.prepare("GET", NO_TASK, None))
    except Exception as error:
        # Whatever it is, a person is to read it.
        return Knock("is out of reach", exchange.explain(error))
    ahead = _read_skew(heard)
    if heard.status in (401, 403):
        return Knock("refuses the key", f"HTTP {heard.status}", ahead)
    if heard.status >= 500:
        return Knock("fails", f"HTTP {heard.status}", ahead)
    if 300 <= heard.status < 400 or not _speaks(heard):
        return Knock("is no gateway", f"HTTP {heard.status}, and nothing that a gateway says", ahead)
    return Knock("answers", f"HTTP {heard.status}", ahead)


def _speaks(heard: Heard) -> bool:
    """Whether this is one of the protocol's answers: a list, nothing, or an envelope with a code."""
    if heard.status in (200, 204) and not heard.body.strip():
        return True
    try:
        said = msgspec.json.decode(heard.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return said is None or isinstance(said, list) or (isinstance(said, dict) and "code" in said)


def _read_skew(heard: Heard) -> float | None:
    try:
        return parsedate_to_datetime(heard.date or "").timestamp() - time.time()
    except (ValueError, OverflowError):
        return None

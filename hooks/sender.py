"""One POST to a subscriber, and what came of it. Whatever the other side does is a value.

No detail quotes more of a URL than its host: the rest may be a secret.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import httpx

from hooks.errors import Crowded, ForbiddenTarget, HookError

DEADLINE: Final = 15.0  # seconds in all, from looking up the name to the end of what is read (Standard Webhooks 1.0)
LONGEST_READ: Final = 64 * 1024  # bytes of an answer; a connection with more on it is closed instead of kept
LONGEST_KEPT: Final = 16 * 1024  # bytes of an answer that are shown to people
LATEST: Final = 86_400.0  # seconds; the longest that a subscriber may ask us to wait
OVERLOADED: Final = frozenset({429, 502, 503, 504})  # statuses that ask for less (Standard Webhooks 1.0)

SendError = Literal[
    "status",  # an answer that is no success
    "redirect",  # 3xx: never followed
    "gone",  # 410: wants no more of it
    "slow_down",  # 429, 502, 503, 504
    "timeout",
    "unreachable",  # its name has no address, or nobody listens there: nothing was sent
    "broken",  # broke off, or does not speak HTTP
    "tls",
    "forbidden",  # may not be called: nothing was sent
    "crowded",  # we look up too many other names: nothing was sent
]

_SECONDS: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one POST."""

    took: int  # milliseconds
    status: int | None = None  # what HTTP says, where it said anything
    error: SendError | None = None  # None: taken
    detail: str | None = None  # what went wrong, for a person
    answer: bytes = field(default=b"", repr=False)  # its beginning, as it came
    retry_after: float | None = None  # seconds that the subscriber asks us to wait


async def send(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, *, deadline: float = DEADLINE
) -> Answer:
    """POST these bytes; `deadline` is seconds in all. `client` is a `hooks.clients.target_client`.

    The status decides once it is there, whatever becomes of the rest of the answer.
    """
    started = time.monotonic()
    host, response, said = "the URL", None, bytearray()
    status, error, detail, retry_after = None, None, None, None
    try:
        request = client.build_request("POST", url, content=body, headers=dict(headers))
        host = request.url.host
        async with asyncio.timeout(deadline):
            response = await client.send(request, stream=True)
            await _read_beginning(response, said)
    except (HookError, TimeoutError, httpx.HTTPError, httpx.InvalidURL, ValueError) as failure:
        error, detail = _judge_failure(failure, host, deadline)
    if response is not None:
        status = response.status_code
        error, detail = judge_status(status, host)
        retry_after = read_retry_after(response.headers.get("retry-after", ""), time.time()) if error else None
    return Answer(
        took=round((time.monotonic() - started) * 1000),
        status=status,
        error=error,
        detail=detail,
        answer=bytes(said[:LONGEST_KEPT]),
        retry_after=retry_after,
    )


async def _read_beginning(response: httpx.Response, said: bytearray) -> None:
    """Read so much that a usual connection can be kept, and no more; packed answers stay packed."""
    try:
        async for chunk in response.aiter_raw():
            said += chunk
            if len(said) > LONGEST_READ:
                break
    finally:
        await response.aclose()


def judge_status(status: int, host: str) -> tuple[SendError | None, str | None]:
    """What an HTTP status says about a delivery, and in words."""
    if 200 <= status < 300:
        return None, None
    detail = f"{host} answers HTTP {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
    if 300 <= status < 400:
        return "redirect", f"{detail}; redirects are not followed: subscribe with the address that it leads to"
    if status == 410:
        return "gone", detail
    return ("slow_down" if status in OVERLOADED else "status"), detail


def _judge_failure(failure: Exception, host: str, deadline: float) -> tuple[SendError, str]:
    if isinstance(failure, ForbiddenTarget):
        return "forbidden", str(failure)
    if isinstance(failure, Crowded):
        return "crowded", str(failure)
    if isinstance(failure, HookError):
        return "unreachable", str(failure)
    if isinstance(failure, (TimeoutError, httpx.TimeoutException)):
        return "timeout", f"{host} did not answer within {deadline:g} s"
    if isinstance(failure, httpx.ConnectError):
        over_tls = _is_about_tls(failure)
        return ("tls" if over_tls else "unreachable"), f"{host} could not be reached: {failure}"
    if isinstance(failure, httpx.HTTPError):
        return "broken", f"{host} broke off, or does not speak HTTP"
    return "forbidden", f"{host} or a header cannot be written in HTTP"


def _is_about_tls(failure: BaseException | None) -> bool:
    while failure is not None and not isinstance(failure, ssl.SSLError):
        failure = failure.__cause__ or failure.__context__
    return failure is not None


def read_retry_after(text: str, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` (RFC 9110: seconds or an HTTP date), 24 h at most; None where it is neither.

    `now` is seconds since 1970.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LATEST)
    try:
        then = parsedate_to_datetime(text)
        return min(max(then.replace(tzinfo=then.tzinfo or UTC).timestamp() - now, 0.0), LATEST)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None

"""The one place where HTTP clients are built."""

import ssl
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from starlette.types import ASGIApp

from hooks.guard import Guard, Resolve
from hooks.targets import AllowList

CALLBACK_TIMEOUT = 10.0  # seconds, for connecting and for each read or write
CONNECT_TIMEOUT = 10.0  # seconds
FETCH_TIMEOUT = 30.0  # seconds for each read or write of a question to a gateway
TARGET_CONCURRENCY = 256  # more than the workers that call strangers ask for together: nobody waits for another


def callback_client(*, concurrency: int = 64, timeout: float = CALLBACK_TIMEOUT) -> httpx.AsyncClient:
    """A client for POSTing callbacks to hooks; the caller closes it. `timeout`: seconds for each read or write.

    It ignores the proxy settings of the environment, follows no redirects and keeps no cookies. At most
    `concurrency` connections are open at once; a POST waits for a free one as long as it takes, so that only
    the receiver's own slowness counts as a time-out.
    """
    return httpx.AsyncClient(
        verify=_certificates(),
        timeout=httpx.Timeout(timeout, pool=None),
        limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


def submit_client() -> httpx.AsyncClient:
    """A client for paid POSTs; the caller closes it, and sets a total deadline around each POST.

    Each POST goes out on a fresh connection: on a kept one, a gateway that closes it at that moment leaves nobody
    sure whether the POST arrived. It ignores proxies of the environment, whose own "connection refused" would prove
    nothing. `httpx.ConnectError` and `httpx.ConnectTimeout` are raised before anything was sent.
    """
    return httpx.AsyncClient(
        verify=_certificates(),
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


def inside_client(app: ASGIApp) -> httpx.AsyncClient:
    """A client that calls an application of this process, over no network; the caller closes it."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://ringback", trust_env=False)


def fetch_client() -> httpx.AsyncClient:
    """A client for questions that cost nothing and may be repeated; the caller closes it.

    One for each gateway: questions wait for a free connection, and one that hangs holds it for a while.
    """
    return httpx.AsyncClient(
        verify=_certificates(),
        timeout=httpx.Timeout(FETCH_TIMEOUT, connect=CONNECT_TIMEOUT, pool=None),
        limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


def target_client(
    allowed: AllowList, *, concurrency: int = TARGET_CONCURRENCY, resolve: Resolve | None = None
) -> httpx.AsyncClient:
    """A client for URLs that somebody else chose, behind the guard; the caller closes it.

    The caller sets a total deadline around each request and bounds what it reads. At most `concurrency` requests are
    under way at once. Connections are kept for a few seconds: a POST can arrive twice (`hooks.transport`). Answers are
    asked for as they are, not packed. `resolve` gives the addresses of a host, instead of the system. Raises
    `hooks.errors.ForbiddenTarget` before anything is sent to an address that may not be called, and
    `hooks.errors.NotFetched` when too many names are being looked up.
    """
    from hooks.transport import GuardedTransport  # noqa: PLC0415  # it brings aiohttp: 160 ms, for a service alone

    guard = Guard(allowed=allowed, resolve=resolve)
    return httpx.AsyncClient(
        transport=GuardedTransport(guard, certificates=_certificates(), limit=concurrency),
        timeout=httpx.Timeout(FETCH_TIMEOUT, connect=CONNECT_TIMEOUT, pool=None),
        headers={"Accept-Encoding": "identity", "User-Agent": "Ringback"},
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


def api_client(url: str, key: str | None) -> httpx.Client:
    """A client of a service's own API at `url`, showing `key` where there is one; each call brings its time-out.

    For the command line, which does one thing at a time.
    """
    return httpx.Client(
        verify=_certificates(),
        base_url=url,
        headers={} if key is None else {"Authorization": f"Bearer {key}"},
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _certificates() -> ssl.SSLContext:
    # Loading the certificates takes some 30 ms: once for all clients, which may share them.
    return httpx.create_ssl_context(trust_env=False)

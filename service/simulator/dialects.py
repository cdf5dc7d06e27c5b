"""How gateways differ, as data: the proxies, new-api, and three resellers that run on it."""

import difflib
from collections.abc import Mapping

import msgspec

from service.simulator.answers import (
    EMPTY_401,
    JSON,
    NEW_API,
    NEW_API_401,
    PROXY,
    TRUEAI,
    TRUEAI_401,
    Answer,
    Refusal,
)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway's own rows (fetch, lists) differ from the callbacks of the proxy behind it."""

    lag: float = 0.0  # seconds that a row is older than its callback
    own: bool = False  # the rows are a reseller's: "" and 0 for null, status "" until its first poll, own actions
    failure_progress: str = ""
    image_path: str | None = None  # the path that its picture URLs are rewritten to; None: left as they are
    properties: tuple[str, ...] | None = None  # those that it keeps; None: all of them


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of gateway."""

    name: str
    endpoints: frozenset[str]  # what it has below /mj/
    refusals: Mapping[Refusal, Answer]
    prefixes: tuple[str, ...] = ("",)  # what may stand before /mj/
    key_headers: tuple[str, ...] = ("authorization",)  # the first that is not empty holds the key
    key_schemes: tuple[str, ...] = ("",)  # what must stand before the key; any of these
    key_mark: str = ""  # an optional start of a key that counts for nothing
    denied: Answer = EMPTY_401
    codes: Mapping[int, int] = {}  # codes that it rewrites
    keeps_window_code: frozenset[str] = frozenset()  # row actions whose 21 is not rewritten
    description: str = "Submit success"  # of a task
    properties: JSON = {}  # that every task has
    rows: Rows = Rows()
    shows_buttons: bool = True
    names_clicks: bool = False  # it must have a word of its own for a click, or refuses it
    reroll_needs_index: bool = False
    modal_takes_hook: bool = True  # False: hook and state of the modal call are ignored
    max_state: int | None = None  # characters
    max_hook: int | None = None  # characters
    hook_is_template: bool = False  # the hook is expanded and encoded once more before it is called
    escapes_unicode: bool = False  # callbacks carry \uXXXX
    has_status: bool = False  # GET /api/status


_PROXY_ENDPOINTS = frozenset(
    {
        "submit/imagine",
        "submit/blend",
        "submit/describe",
        "submit/change",
        "submit/simple-change",
        "task/fetch",
        "task/list",
        "task/list-by-condition",
    }
)
_PLUS_ENDPOINTS = _PROXY_ENDPOINTS | {"submit/action", "submit/modal", "submit/shorten", "task/query"}
_RESELLER_ENDPOINTS = _PLUS_ENDPOINTS - {"submit/simple-change", "task/list", "task/query"}
_INSTANCE = {"discordInstanceId": "1118138338562560102"}
_MODES = ("mj-fast", "mj-relax", "mj-turbo")

MIDJOURNEY_PROXY = Dialect(
    name="midjourney-proxy",
    endpoints=_PROXY_ENDPOINTS,
    refusals=PROXY,
    key_headers=("mj-api-secret",),
    description="/imagine {prompt}",
    properties={**_INSTANCE, "flags": 0},
    shows_buttons=False,
    hook_is_template=True,
)
MIDJOURNEY_PROXY_PLUS = Dialect(
    name="midjourney-proxy-plus",
    endpoints=_PLUS_ENDPOINTS,
    refusals=PROXY,
    key_headers=("mj-api-secret",),
    properties={**_INSTANCE, "botType": "MID_JOURNEY", "flags": 0},
)
TRUEAI_PROXY = Dialect(
    name="trueai",
    endpoints=_PLUS_ENDPOINTS - {"submit/change", "submit/simple-change", "task/query"},
    prefixes=("", *_MODES),
    key_headers=("authorization", "mj-api-secret"),
    denied=TRUEAI_401,
    refusals=TRUEAI,
    properties={**_INSTANCE, "botType": "MID_JOURNEY", "discordChannelId": "1118138338562560103"},
    modal_takes_hook=False,
    max_state=255,
    max_hook=2000,
    escapes_unicode=True,
)
NEW_API_GATEWAY = Dialect(
    name="new-api",
    endpoints=_RESELLER_ENDPOINTS,
    prefixes=("", "{mode}"),
    key_headers=("authorization", "mj-api-secret"),
    key_schemes=("Bearer ", ""),
    key_mark="sk-",
    denied=NEW_API_401,
    refusals=NEW_API,
    codes={22: 1, 21: 1},
    keeps_window_code=frozenset({"INPAINT", "CUSTOM_ZOOM"}),
    properties=MIDJOURNEY_PROXY_PLUS.properties,
    rows=Rows(
        lag=15.0,
        own=True,
        failure_progress="100%",
        image_path="/mj/image/{id}",
        properties=("finalPrompt", "finalZhPrompt"),
    ),
    names_clicks=True,
    reroll_needs_index=True,
    has_status=True,
)
# The three resellers are strict in what their own pages ask for, so that a wrong preset is noticed.
FUHUAPI = msgspec.structs.replace(
    NEW_API_GATEWAY,
    name="fuhuapi",
    endpoints=(_RESELLER_ENDPOINTS | {"task/query"}) - {"submit/shorten"},
    prefixes=("",),
    key_headers=("authorization",),
    key_schemes=("",),
)
DEERAPI = msgspec.structs.replace(FUHUAPI, name="deerapi")
KUAIWENWEN = msgspec.structs.replace(
    NEW_API_GATEWAY,
    name="kuaiwenwen",
    endpoints=_RESELLER_ENDPOINTS - {"submit/change", "task/list-by-condition"},
    prefixes=("", *_MODES, "fast", "relax", "turbo"),
    key_headers=("authorization",),
    key_schemes=("Bearer ",),
    # Numbers beyond 2^53, as its page shows them.
    properties={
        "botType": "MID_JOURNEY",
        "discordChannelId": 8774786694361674000,
        "discordInstanceId": 7415633538733103000,
        "flags": 0,
    },
    rows=Rows(lag=15.0, own=True, failure_progress="100%"),
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        MIDJOURNEY_PROXY,
        MIDJOURNEY_PROXY_PLUS,
        TRUEAI_PROXY,
        NEW_API_GATEWAY,
        FUHUAPI,
        DEERAPI,
        KUAIWENWEN,
    )
}


class UnknownDialect(ValueError):
    """There is no such dialect."""


def find_dialect(name: str) -> Dialect:
    """The dialect of that name; raises UnknownDialect with the nearest names."""
    if name in DIALECTS:
        return DIALECTS[name]
    near = difflib.get_close_matches(name, DIALECTS, n=2)
    advice = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(DIALECTS)}"
    raise UnknownDialect(f"there is no dialect {name!r}; {advice}")

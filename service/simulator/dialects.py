"""How gateways differ, as data: the proxies, new-api, and three resellers that run on it."""

import difflib
from collections.abc import Mapping

from msgspec.structs import replace

from service.simulator.answers import NEW_API, NEW_API_401, PROXY, TRUEAI, TRUEAI_401, Answer
from service.simulator.dialect import Cancelling, Dialect, Rows

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
        "task/queue",
    }
)
_PLUS_ENDPOINTS = _PROXY_ENDPOINTS | {
    "submit/action",
    "submit/modal",
    "submit/shorten",
    "submit/upload-discord-images",
    "insight-face/swap",
    "task/query",
    "task/list-by-ids",
    "task/image-seed",
    "task/cancel",
}
_TRUEAI_ENDPOINTS = (_PLUS_ENDPOINTS - {"submit/change", "submit/simple-change", "task/query", "task/queue"}) | {
    "submit/edit",
    "submit/edits",
    "submit/retexture",
    "submit/video",
}
_NEW_API_ENDPOINTS = (
    _PLUS_ENDPOINTS
    - {"submit/simple-change", "task/list", "task/list-by-ids", "task/query", "task/queue", "task/cancel"}
) | {"submit/edits", "submit/video"}
_UNLISTED = {"submit/upload-discord-images", "insight-face/swap", "task/image-seed"}  # by no reseller's page
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
    takes_single=True,
    answer_is_prompt=True,
    hook_is_template=True,
)
MIDJOURNEY_PROXY_PLUS = Dialect(
    name="midjourney-proxy-plus",
    endpoints=_PLUS_ENDPOINTS,
    refusals=PROXY,
    key_headers=("mj-api-secret",),
    properties={**_INSTANCE, "botType": "MID_JOURNEY", "flags": 0},
    unknown_clicks=frozenset({"BOOKMARK"}),
    takes_filter=True,
    displays=True,
)
TRUEAI_PROXY = Dialect(
    name="trueai",
    endpoints=_TRUEAI_ENDPOINTS,
    prefixes=("", *_MODES),
    key_headers=("authorization", "mj-api-secret"),
    denied=TRUEAI_401,
    refusals=TRUEAI,
    properties={**_INSTANCE, "botType": "MID_JOURNEY", "discordChannelId": "1118138338562560103"},
    modal_takes_hook=False,
    unknown_clicks=frozenset({"PromptAnalyzer", "video"}),
    spawn_takes_hook=False,
    takes_links=True,
    takes_filter=True,
    video_fields=("url", "thumbnail"),
    answer_is_prompt=True,
    cancelling=Cancelling(status="FAILURE", reason="取消任务", answer=Answer(), unknown=Answer(), tells_waiting=False),
    max_state=255,
    max_hook=2000,
    escapes_unicode=True,
)
NEW_API_GATEWAY = Dialect(
    name="new-api",
    endpoints=_NEW_API_ENDPOINTS,
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
    video_fields=("url",),
    reroll_needs_index=True,
    has_status=True,
)
# The three resellers are strict in what their own pages ask for, so that a wrong preset is noticed.
FUHUAPI = replace(
    NEW_API_GATEWAY,
    name="fuhuapi",
    endpoints=(_NEW_API_ENDPOINTS | {"task/query"}) - {"submit/shorten"} - _UNLISTED,
    prefixes=("",),
    key_headers=("authorization",),
    key_schemes=("",),
)
DEERAPI = replace(FUHUAPI, name="deerapi")
KUAIWENWEN = replace(
    NEW_API_GATEWAY,
    name="kuaiwenwen",
    endpoints=_NEW_API_ENDPOINTS
    - _UNLISTED
    - {"submit/change", "submit/edits", "submit/video", "task/list-by-condition"},
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

"""What makes one kind of gateway: everything that differs from gateway to gateway, and none of it as code."""

from collections.abc import Mapping

import msgspec

from service.simulator.answers import EMPTY_401, JSON, PROXY, Answer, Refusal, envelope


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway's own rows (fetch, lists) differ from the callbacks of the proxy behind it."""

    lag: float = 0.0  # seconds that a row is older than its callback
    own: bool = False  # the rows are a reseller's: "" and 0 for null, status "" until its first poll, own actions
    failure_progress: str = ""
    image_path: str | None = None  # the path that its picture URLs are rewritten to; None: left as they are
    properties: tuple[str, ...] | None = None  # those that it keeps; None: all of them


class Cancelling(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of POST /mj/task/{id}/cancel."""

    status: str
    reason: str | None = None
    answer: Answer  # `{detail}` in it is the task's id
    unknown: Answer
    tells_waiting: bool  # False: a task that nobody works on yet ends without a callback


# Of midjourney-proxy-plus, whose source is closed: only the status, and that every change is told, are documented.
_CANCELLING = Cancelling(
    status="CANCEL",
    answer=Answer(body=envelope(1, "成功", result="{detail}")),
    unknown=PROXY[Refusal.PARENT_MISSING],
    tells_waiting=True,
)


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
    unknown_clicks: frozenset[str] = frozenset()  # families of buttons that it shows and refuses
    spawn_takes_hook: bool = True  # False: the tasks of "Imagine all" call nobody
    takes_links: bool = False  # links are as good as uploads, in describe and swap
    takes_single: bool = False  # imagine's old `base64` beside `base64Array`
    takes_filter: bool = False  # accountFilter.modes, and --fast and the like in a prompt, choose the mode
    video_fields: tuple[str, ...] = ()  # what it says of each video: "url", "thumbnail"; (): it has no such list
    answer_is_prompt: bool = False  # what describe found stands in `prompt` too
    displays: bool = False  # rows of list-by-ids carry `displays`
    cancelling: Cancelling = _CANCELLING
    reroll_needs_index: bool = False
    modal_takes_hook: bool = True  # False: hook and state of the modal call are ignored
    max_state: int | None = None  # characters
    max_hook: int | None = None  # characters
    hook_is_template: bool = False  # the hook is expanded and encoded once more before it is called
    escapes_unicode: bool = False  # callbacks carry \uXXXX
    has_status: bool = False  # GET /api/status

    def refuse(self, reason: Refusal, detail: str = "") -> Answer:
        """Its words for a refusal."""
        return self.refusals[reason].detailed(detail)

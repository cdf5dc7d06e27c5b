"""The nouns of the ledger, frozen and keyword-only. Nothing here does I/O.

Times are integers: milliseconds since the Unix epoch, UTC, the unit of the gateways' own time stamps.
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

JSON = dict[str, Any]


class Status(StrEnum):
    """How far a task is. A status that a gateway invents is kept as plain text beside these."""

    NOT_START = "NOT_START"  # ours alone: no gateway has spoken yet
    MODAL = "MODAL"  # a window is open and waits for a prompt or a mask
    SUBMITTED = "SUBMITTED"  # the gateway has it, Midjourney has not begun
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"  # an ending
    FAILURE = "FAILURE"  # an ending
    CANCEL = "CANCEL"  # an ending


ENDINGS = frozenset({Status.SUCCESS, Status.FAILURE, Status.CANCEL})
FAILURES = ENDINGS - {Status.SUCCESS}  # endings that bring nothing


class SubmissionState(StrEnum):
    """What we know about one paid POST."""

    PLANNED = "planned"  # due at `next_at`; nothing has been sent
    SENDING = "sending"  # committed just before the POST; may or may not have left
    ACCEPTED = "accepted"  # the gateway has the task
    REJECTED = "rejected"  # the gateway refused for good; nothing was spent, unless it works on it all the same
    UNKNOWN = "unknown"  # sent, and nobody knows whether it arrived; only evidence settles it
    LOST = "lost"  # no evidence came in time; late evidence still makes it accepted


# States that hold a place: a click in one of these keeps a second click of the same button away.
LIVE_SUBMISSIONS = frozenset(SubmissionState) - {SubmissionState.REJECTED, SubmissionState.LOST}

SubmissionKind = Literal["submit", "modal"]
Source = Literal["callback", "fetch", "submit", "service"]

CONTRADICTED = "task.contradicted"  # the event of a claim against an ending that stands
CHAIN_SETTLED = "chain.settled"  # about a root: everything under it has ended, and nothing is planned or deferred
RULE_PAUSED = "rule.paused"  # about the root under which a rule fired too often; about no task when a person did it
SUBSCRIPTION_DISABLED = "subscription.disabled"  # about no task: subscription_id, host, reason, failing_since
DELIVERY_EXHAUSTED = (
    "delivery.exhausted"  # about the event's task: subscription_id, delivery_id, event, attempts, error
)
NEWS_OF_DELIVERIES = frozenset({SUBSCRIPTION_DISABLED, DELIVERY_EXHAUSTED})  # for subscribers; no rule is about these
ENDING_EVENTS = frozenset({"task.succeeded", "task.failed", "task.cancelled", "task.lost"})
EVENT_TYPES = (
    *("task.submitted", "task.progressed", "task.modal", "task.succeeded", "task.failed", "task.cancelled"),
    *("task.unknown", "task.lost", CONTRADICTED, CHAIN_SETTLED, RULE_PAUSED),
    *(SUBSCRIPTION_DISABLED, DELIVERY_EXHAUSTED),
)


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be clicked on a finished task."""

    label: str  # "U1"; may be empty where only the emoji is shown
    emoji: str = ""  # a glyph or a gateway's own name for one
    custom_id: str | None = None  # what `/submit/action` takes; None where the gateway shows no buttons
    kind: str  # "upsample", "variation", "reroll", "pan_left", "Outpaint" … ; "" when the grammar is unknown
    index: int | None = None  # 1–4 on a grid; None where the button has none
    opens_modal: bool = False  # True when a window surely opens and wants a prompt or a mask


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What one callback or one fetch claims about a task, parsed and cleaned of our hook."""

    gateway_id: str | None = None  # the id in the body; None when it carries none
    status: str  # one of Status, or the gateway's own word
    progress: int | None = None  # percent, 0–100; None on FAILURE and CANCEL, and when it is no number
    image_url: str | None = None  # the gateway's; expires
    video_urls: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    fail_reason: str | None = None  # the gateway's words
    fail_kind: str | None = None  # timeout | moderation | cancelled | quota | gateway | unknown
    started_at: int | None = None  # by the gateway's clock
    finished_at: int | None = None  # by the gateway's clock
    properties: JSON = {}  # everything else the body said, unknown fields included

    @property
    def ended(self) -> bool:
        return self.status in ENDINGS


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work in the ledger."""

    id: str  # ours: 16 digits, the first an 8, time-ordered, below 2^53
    gateway: str  # the gateway's name in the configuration
    gateway_id: str | None = None  # the gateway's latest id for it; opaque text
    action: str  # IMAGINE, UPSCALE, VARIATION, REROLL, …; ours, from what was asked
    button: str | None = None  # the label that was clicked to open it
    index: int | None = None  # that button's index
    status: str = Status.NOT_START
    progress: int | None = None
    prompt: str | None = None
    params: JSON = {}  # the prompt's parameters: {"ar": "16:9", "tile": true}
    image_url: str | None = None
    picture_url: str | None = None  # ours, when the picture is kept
    video_urls: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    fail_reason: str | None = None
    fail_kind: str | None = None
    parent_id: str | None = None
    root_id: str
    depth: int = 0  # hops from the root
    retry_of: str | None = None  # the task that failed, and that this one asks for once more
    attempt: int = 1  # 1, and one more for each task along `retry_of`
    origin: str  # api | facade | cli | dashboard | adopted | then | rule:<id>
    tags: tuple[str, ...] = ()
    state: str | None = None  # the client's own, given back untouched
    submission: str = SubmissionState.PLANNED  # the state of its latest submission
    cost: float | None = None  # in the gateway's currency, where prices are known
    created_at: int
    updated_at: int
    submitted_at: int | None = None  # when the gateway was first known to have it, by our clock
    started_at: int | None = None
    finished_at: int | None = None
    properties: JSON = {}

    @property
    def ended(self) -> bool:
        return self.status in ENDINGS

    @property
    def settled(self) -> bool:
        """True when nothing more is expected of it: it ended, or it is lost."""
        return self.ended or self.submission == SubmissionState.LOST


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One paid POST to a gateway."""

    id: int
    task_id: str
    kind: SubmissionKind
    state: str
    nonce: str  # in the hook's token; ties a callback to this submission
    # What the POST carries beyond the task's own columns: {"button", "window"} of a click, {"prompt", "mask"} of a
    # window's answer, {"options", "pictures", "group"} of all else.
    request: JSON
    attempts: int  # POSTs begun
    next_at: int | None  # when a planned one is due
    expires_at: int  # a planned one that is still refused for capacity then is rejected
    created_at: int
    sent_at: int | None  # when the latest POST began
    answer: JSON | None  # the gateway's latest answer, without secrets
    cost: float | None = None  # what it costs when it is accepted, in the gateway's currency; None where nobody said


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What we believe after a Progress, an answer or a deadline; `seq` is global and never reused."""

    seq: int
    id: str
    type: str  # task.submitted | task.progressed | task.modal | task.succeeded | task.failed | …
    time: int
    task: Task | None  # the task as it was then
    data: JSON = {}


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture (or the videos) of a chain."""

    task_id: str
    action: str
    index: int | None
    image_url: str | None
    video_urls: tuple[str, ...] = ()
    picture_url: str | None = None


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a root and of everything that grew from it."""

    root_id: str
    tasks: int
    succeeded: dict[str, int]  # by action
    failed: dict[str, int]  # by action; without those that were asked for once more
    cancelled: dict[str, int]  # by action
    retried: dict[str, int]  # by action: what ended badly and was asked for once more
    lost: int
    cost: float | None  # in the gateways' currency, of all of them; None where nothing has a price
    pictures: tuple[Picture, ...]  # of those that succeeded, in the order in which they were opened


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a person or a system asks for; the ledger gives it its id."""

    gateway: str
    action: str
    prompt: str | None = None
    params: JSON = {}
    origin: str
    tags: tuple[str, ...] | None = None  # None: those of its parent
    state: str | None = None  # None: that of its parent
    then: tuple[str, ...] = ()  # labels to click when it succeeds
    parent_id: str | None = None  # the task that it goes on from, with its gateway and its chain
    request: JSON = {}  # what its POST carries beside the prompt

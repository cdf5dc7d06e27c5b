"""What rules decide, and how the ledger asks them. Nothing here does I/O.

Storage knows no rules: it is handed something that reacts (`React`), shows it the ledger (`Facts`), and carries out
what it says (`Decision`), all within the transaction of the event.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

import msgspec

from storage.records import JSON, Button, Chain, NewTask, Task

FiringOutcome = Literal["fired", "blocked", "deferred"]
# Nothing waits for longer (milliseconds): what seems to was deferred before the clock stepped back.
LONGEST_WAIT = 7 * 24 * 3600 * 1000
ROOM_FOR = 10  # firings that are looked at again when a share of a budget comes back
# Why a firing was blocked, or waits. "backoff" only ever waits; "budget" and "quiet_hours" do either.
Reason = Literal[
    "paused", "depth", "attempts", "moderation", "dry_run", "quiet_hours", "backoff", "budget", "exists", "error"
]
EffectKind = Literal["notify", "download"]
EffectState = Literal["planned", "done", "failed"]


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """One rule having decided about one task; blocked and deferred ones are kept with their reason."""

    id: int
    rule: str  # the rule's id; "then" for the task's own list
    version: str  # hash of the rule's text when it decided
    task_id: str  # the task it decided about: the root, on `chain.settled`
    root_id: str
    seq: int  # the event it decided on
    outcome: FiringOutcome
    reason: Reason | None  # why it was blocked, or waits
    detail: str | None  # the same for a person
    # What became of each action, in order: {"action": "click", "button", "task_id", "result": "opened" | "exists"},
    # {"action": "tag", "tags", "task_id", "result": "done"}, {"action": "notify", "effect_id", "result": its state} …;
    # "withdrawn" was opened, and taken back before it was sent; "error" comes with a "detail"; "waits" is what a
    # deferred one is to do, "would" what a blocked one was.
    actions: tuple[JSON, ...]
    next_at: int | None  # when a deferred one is looked at again
    created_at: int
    updated_at: int


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A notification or a download that a firing owes. It costs nothing and is tried until it is done or given up."""

    id: int
    firing_id: int
    task_id: str  # whose event is told; whose picture is kept
    kind: EffectKind
    lane: str  # those of one lane take turns: the address that is told, or the host that has the picture
    # Of "notify": {"address": digest of the written URL, "title", "text"}; the URL itself is in nobody's ledger.
    # Of "download": {"url", "path"}, the path relative to the folder of downloads.
    request: JSON
    state: EffectState
    attempts: int
    next_at: int | None
    detail: str | None  # why the last attempt failed
    created_at: int
    done_at: int | None


class Click(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="click"):
    """Click a button of the task; `prompt` and `mask` answer the window that it opens."""

    button: Button
    prompt: str | None = None
    mask: bytes | None = None  # a PNG
    cost: float | None = None  # what it will cost, where prices are known


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="submit"):
    """Open another task in the same chain."""

    new: NewTask
    cost: float | None = None


class Resubmit(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="resubmit"):
    """Ask for the task once more, as it was asked for."""

    cost: float | None = None


class Tag(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="tag"):
    """Add tags to the task, or to the root of its chain."""

    tags: tuple[str, ...]
    root: bool = False


class Notify(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="notify"):
    """Tell somebody."""

    address: str  # digest of the URL as it is written, under which the rules know it
    title: str | None = None
    text: str


class Download(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="download"):
    """Keep a picture."""

    task_id: str  # whose it is
    url: str
    path: str  # relative to the folder of downloads, with "/" between its parts


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="refused"):
    """An action that cannot be done on this task; it undoes none of the others."""

    wanted: JSON  # what was to be done: {"action": "click", "button": "U5"}
    detail: str


Action = Click | Submit | Resubmit | Tag | Notify | Download | Refused


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule decided about one event: what to do, or why not, or why not yet."""

    rule: str
    version: str
    origin: str  # of the tasks it opens: "then" or "rule:<id>"
    actions: tuple[Action, ...] = ()  # of a blocked or deferred one: what it would do
    outcome: FiringOutcome = "fired"
    reason: Reason | None = None
    detail: str | None = None
    next_at: int | None = None  # of a deferred one: when it is looked at again (ms)
    pauses_rule: bool = False  # the fuse: the rule fired too often under this root, and is paused with this commit


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """A follow-up that counts against a budget. One that its gateway refused was never spent, and is not among them."""

    time: int  # when it was reserved (ms)
    cost: float | None  # None where no price is known


class Facts(Protocol):
    """A lazy, read-only face of the ledger, inside the transaction that is being written."""

    @property
    def now(self) -> int:
        """The instant of the transaction (ms)."""
        ...

    def then(self, task_id: str) -> tuple[str, ...]:
        """The labels that the task's own `then` wants clicked."""
        ...

    def task(self, task_id: str) -> Task:
        """A task as it is now."""
        ...

    def chain(self, root_id: str) -> Chain:
        """What became of a chain so far."""
        ...

    def mode(self, task_id: str) -> str | None:
        """The mode (fast, relax, …) that the task was submitted in, which its follow-ups inherit; None where unsaid."""
        ...

    def is_paused(self, rule: str) -> bool:
        """Whether the rule is paused."""
        ...

    def has_click(self, task: Task, button: Button) -> bool:
        """Whether a click of the button holds its place, so that another one would cost nothing."""
        ...

    def was_refused(self, task: Task, button: Button) -> bool:
        """Whether moderation refused a click of the button: it would refuse it again."""
        ...

    def is_answered(self, task: Task) -> bool:
        """Whether the task was asked for once more already, or has not ended badly after all."""
        ...

    def count_firings(self, rule: str, root_id: str) -> int:
        """How many firings of the rule opened tasks under a root."""
        ...

    def count_follow_ups(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> int:
        """How many follow-ups were reserved in the last so many ms (None: ever), by a rule or by all and `then`.

        With `root_id`, those under that root alone.
        """
        ...

    def sum_costs(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> float:
        """What these cost, as far as their prices are known."""
        ...

    def iter_spending(
        self, window: int | None, rule: str | None = None, root_id: str | None = None
    ) -> Iterator[Spending]:
        """These one by one, oldest first, lazily."""
        ...


class React(Protocol):
    """The rules, as the ledger sees them: pure, called inside the transaction of every event."""

    def listens(self, event_type: str) -> bool:
        """Whether any rule could decide about events of this type. Called for every event: cheap."""
        ...

    def __call__(self, event_type: str, task: Task, facts: Facts) -> Iterable[Decision]:
        """Decide, lazily: the ledger carries out each decision before it asks for the next one."""
        ...

    def resume(self, firing: Firing, task: Task, facts: Facts) -> Decision:
        """Decide again about a deferred firing that is due: its guards, not its match."""
        ...

    def apply(self, rule: str, event_type: str, task: Task, facts: Facts) -> Decision | None:
        """Decide for one rule about an event of the past: its match and its guards; None when it is not meant."""
        ...

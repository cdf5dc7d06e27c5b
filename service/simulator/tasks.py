"""A task of the simulated gateway: what was asked, and one moment after another."""

import asyncio
from dataclasses import dataclass, field

import msgspec

from service.simulator.buttons import Shape

ENDINGS = frozenset({"SUCCESS", "FAILURE", "CANCEL"})


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What one submission asked for."""

    action: str  # the proxy's word
    row_action: str  # the reseller's word; the same where there is no reseller
    shape: Shape  # of the result
    picture: str  # the seed text of the picture
    endpoint: str = ""  # "imagine", "action" …
    quadrant: int | None = None  # 1–4 where one picture of a grid is wanted
    word: str = ""  # of the button: "upsample" …; "" for a root task
    index: int | None = None
    parent: str | None = None
    image: str = ""  # the hash of the picture that was clicked
    custom_id: str | None = None
    prompt: str = ""
    state: str | None = None
    hook: str = ""
    opens_window: bool = False  # an answer must be given before anything happens
    remixable: bool = False  # Remix mode would open a window
    mode: str | None = None  # "fast", "relax" … where the path said so, or else the body
    bot_type: str = "MID_JOURNEY"
    uploads: int = 0  # pictures that came with it, masks included
    dimensions: str | None = None  # of a blend
    videos: int = 4  # that a video task makes
    restarts: bool = False  # its progress begins anew on the way
    prompts: tuple[str, ...] = ()  # one click that makes a task of each


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a task from one instant on."""

    at: float  # seconds, by the simulator's clock
    status: str
    progress: str | None = None  # "31%"
    image: str | None = None  # the last part of the picture's URL
    started_at: int | None = None  # milliseconds since the epoch
    finished_at: int | None = None  # milliseconds since the epoch
    reason: str | None = None  # of a failure

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDINGS


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One callback, written down at the moment that it speaks of."""

    url: str
    body: bytes
    step: int
    moment: Moment
    foreign: bool  # its body names another task


@dataclass(kw_only=True, eq=False)
class Task:
    """One task at work. It grows by moments; what was asked changes only when a window is answered."""

    id: str
    ordinal: int
    ask: Ask
    image_hash: str
    base: str  # the URL under which the client reached the gateway, without a slash at the end
    submitted_at: int  # milliseconds since the epoch
    neighbour: str  # the id of another task
    moments: list[Moment] = field(default_factory=list)
    held: list[Letter] = field(default_factory=list)  # callbacks that wait to be overtaken
    made: int = 0  # callbacks that were called for
    settled: int = 0  # callbacks that were sent or lost
    over: bool = False  # no callback will be called for any more
    answered: bool = False  # its window was, and another task goes on in its place
    stopped: asyncio.Event = field(default_factory=asyncio.Event)  # set when somebody has cancelled it
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def now(self) -> Moment:
        """The latest moment."""
        return self.moments[-1]

    def seen_at(self, instant: float) -> Moment | None:
        """The latest moment that was there at an instant, or None."""
        return next((moment for moment in reversed(self.moments) if moment.at <= instant), None)

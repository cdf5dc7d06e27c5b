"""What a rule does, as it is written: the items of `do:`, checked and frozen."""

from dataclasses import dataclass, field

from service.rules.templates import Template

MODES = ("fast", "relax", "turbo")  # how fast a gateway works, and for how much (`service.gateways.actions`)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClickAction:
    """`click: U1`, `click: [U1, U2]`, or `click: {button, prompt, mask}`, which answers the window that opens."""

    labels: tuple[str, ...]  # labels or customIds, in order, none twice
    prompt: Template | None = None
    mask: bytes | None = field(default=None, repr=False)  # a PNG, read when the file was


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitAction:
    """`submit: {prompt, tags, mode}` — another IMAGINE in the same chain."""

    prompt: Template
    tags: tuple[str, ...] | None = None  # None: those of the task
    mode: str | None = None  # None: that of the task


@dataclass(frozen=True, kw_only=True, slots=True)
class ResubmitAction:
    """`resubmit: {}` — ask for the task once more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TagAction:
    """`tag: done`, `tag: [a, b]`, or `tag: {task: …, root: …}`."""

    tags: tuple[str, ...] = ()  # of the task itself
    root_tags: tuple[str, ...] = ()  # of the root of its chain


@dataclass(frozen=True, kw_only=True, slots=True)
class NotifyAction:
    """`notify: {url, text, title}`."""

    address: str  # digest of the URL as it is written, with `${NAME}` not filled in: what the ledger keeps
    url: str = field(repr=False)  # filled in: a secret
    text: Template
    title: Template | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadAction:
    """`download: {to}` — keep the picture; on `chain.settled`, every picture of the chain."""

    to: Template


WrittenAction = ClickAction | SubmitAction | ResubmitAction | TagAction | NotifyAction | DownloadAction
PAID = (ClickAction, SubmitAction, ResubmitAction)  # what opens tasks; all else costs nothing

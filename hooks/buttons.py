"""Buttons of a finished task: what a `customId` says, and which button a person means.

The grammar is Discord's as Midjourney uses it: `MJ::JOB::<job>::<index>::<uuid>[::SOLO]` and `MJ::<Kind>::…`. Rows
and spellings were read in the sources of midjourney-proxy (novicezk, trueai-org) and new-api. A button is found by
what it does (kind and index), because its label may be empty or in another language.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from hooks.errors import CannotClick
from hooks.scalars import text_of
from storage.actions import action_of
from storage.records import Button, Status, Task

MAX_QUOTED: Final = 60  # characters of what was wanted that an error repeats
_JOBS: Final = frozenset(  # "MJ::JOB::<job>"; beside them "upsample_…", which names Midjourney's version
    {
        *("upsample", "variation", "reroll", "low_variation", "high_variation"),
        *("pan_left", "pan_right", "pan_up", "pan_down"),
        *("animate_high", "animate_low", "animate_high_extend", "animate_low_extend"),
        *("video", "video_virtual_upscale", "PicReader", "PromptAnalyzer"),
    }
)
_KINDS: Final = frozenset({"Inpaint", "Outpaint", "CustomZoom", "Picread", "BOOKMARK", "Settings"})  # "MJ::<Kind>"
# Elsewhere an index is always 1, for the single picture that is shown, and some gateways leave it out.
_INDEXED: Final = frozenset(
    {"upsample", "variation", "video_virtual_upscale", "Outpaint", "PicReader", "PromptAnalyzer"}
)
_NUMBERS: Final = {str(number): number for number in range(1, 101)}
_MODAL: Final = frozenset({"Inpaint", "CustomZoom", "PromptAnalyzer"})
_UNKNOWN: Final = ("", None, False)


class CustomId(msgspec.Struct, frozen=True, kw_only=True):
    """What a customId says."""

    kind: str  # "" where the grammar is unknown
    index: int | None = None  # of a picture, 1–4, or of a text, 1–5; the percentage (50, 75, 100) of an Outpaint
    opens_modal: bool = False


def parse_custom_id(custom_id: str) -> CustomId:
    """What the customId says; never fails."""
    kind, index, opens_modal = _read(custom_id)
    return CustomId(kind=kind, index=index, opens_modal=opens_modal)


def _read(custom_id: str) -> tuple[str, int | None, bool]:
    parts = custom_id.split("::")
    is_job = len(parts) > 2 and parts[1] in ("JOB", "Job")
    at = 2 if is_job else 1
    if len(parts) <= at or parts[0] != "MJ":
        return _UNKNOWN
    kind = parts[at]
    if not (kind in _JOBS or kind.startswith("upsample_") if is_job else kind in _KINDS):
        return _UNKNOWN
    # Clients put customIds together by themselves, too: "01" clicks what "1" clicks.
    index = _NUMBERS.get(parts[at + 1].lstrip("0")) if kind in _INDEXED and len(parts) > at + 1 else None
    if kind == "upsample" and index is None:
        return _UNKNOWN  # nobody could tell whether it was bought before
    if kind in _MODAL:
        return kind, index, True
    if kind == "PicReader":
        return kind, index, index is not None  # "all" asks nothing
    return kind, index, kind == "video" and parts[-1] == "manual"


def parse_button(raw: Mapping[str, Any]) -> Button | None:
    """The button in one entry of a task's `buttons`; None when it says nothing at all.

    `style` is left out on purpose: it is only colour. So is `type`, which is always 2.
    """
    label, emoji = text_of(raw.get("label")) or "", text_of(raw.get("emoji")) or ""
    custom_id = text_of(raw.get("customId")) or text_of(raw.get("custom_id"))
    if custom_id is None and not label and not emoji:
        return None
    kind, index, opens_modal = _read(custom_id or "")
    if not kind:  # a grammar that nobody told us of: a U1 is a U1 all the same, and must not be bought twice
        kind, index, opens_modal = _CHANGES.get(label.strip().upper(), _UNKNOWN)
    return Button(label=label, emoji=emoji, custom_id=custom_id, kind=kind, index=index, opens_modal=opens_modal)


# What `/submit/change` knows, for gateways that show no buttons (novicezk's midjourney-proxy).
_CHANGES: Final[dict[str, tuple[str, int | None, bool]]] = {
    **{f"U{index}": ("upsample", index, False) for index in range(1, 5)},
    **{f"V{index}": ("variation", index, False) for index in range(1, 5)},
    "REROLL": ("reroll", None, False),
}
_REROLL_EMOJI: Final = "🔄"
_REROLL_NAMES: Final = frozenset({"R", "REROLL", _REROLL_EMOJI})


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    kinds: tuple[str, ...]  # the kinds that the label stands for; "*" for Midjourney's version
    index: int | None = None

    def means(self, button: Button) -> bool:
        return button.index == self.index and any(fnmatchcase(button.kind, kind) for kind in self.kinds)


_KNOWN: Final = {
    **{f"U{index}": _Known(kinds=("upsample", "video_virtual_upscale"), index=index) for index in range(1, 5)},
    **{f"V{index}": _Known(kinds=("variation",), index=index) for index in range(1, 5)},
    "reroll": _Known(kinds=("reroll", "Picread")),
    "Upscale (Subtle)": _Known(kinds=("upsample_*_subtle",)),
    "Upscale (Creative)": _Known(kinds=("upsample_*_creative",)),
    "Upscale (2x)": _Known(kinds=("upsample_*_2x",)),
    "Upscale (4x)": _Known(kinds=("upsample_*_4x",)),
    "Vary (Subtle)": _Known(kinds=("low_variation",)),
    "Vary (Strong)": _Known(kinds=("high_variation",)),
    "Vary (Region)": _Known(kinds=("Inpaint",)),
    "Zoom Out 2x": _Known(kinds=("Outpaint",), index=50),
    "Zoom Out 1.5x": _Known(kinds=("Outpaint",), index=75),
    "Make Square": _Known(kinds=("Outpaint",), index=100),
    "Custom Zoom": _Known(kinds=("CustomZoom",)),
    "⬅️": _Known(kinds=("pan_left",)),
    "➡️": _Known(kinds=("pan_right",)),
    "⬆️": _Known(kinds=("pan_up",)),
    "⬇️": _Known(kinds=("pan_down",)),
    "Animate (High motion)": _Known(kinds=("animate_high",)),
    "Animate (Low motion)": _Known(kinds=("animate_low",)),
    "Extend (High motion)": _Known(kinds=("animate_high_extend",)),
    "Extend (Low motion)": _Known(kinds=("animate_low_extend",)),
    **{f"{index}️⃣": _Known(kinds=("PicReader", "PromptAnalyzer"), index=index) for index in range(1, 6)},
    "Imagine all": _Known(kinds=("PicReader",)),
}
WELL_KNOWN_LABELS: Final = tuple(_KNOWN)


def _fold(label: str) -> str:
    # U+FE0F only asks for the coloured form of a glyph; gateways send arrows with and without it.
    return label.strip().replace("\ufe0f", "").casefold()


_BY_FOLDED: Final = {
    **{_fold(label): known for label, known in _KNOWN.items()},
    **{_fold(name): _KNOWN["reroll"] for name in _REROLL_NAMES},
}


def find_button(buttons: Sequence[Button], wanted: str) -> Button | None:
    """The button that `wanted` names: a customId, a label, a well-known label, or an emoji; None if there is none.

    An emoji that several buttons share names none of them: a wrong click costs money.
    """
    folded = _fold(wanted)
    if not folded:
        return None
    known = _BY_FOLDED.get(folded)
    sharing = [button for button in buttons if _fold(button.emoji) == folded]
    return (
        _first(button for button in buttons if button.custom_id == wanted)
        or _first(button for button in buttons if _fold(button.label) == folded)
        or _first(button for button in buttons if known and known.means(button))
        or (sharing[0] if len(sharing) == 1 else None)
    )


def _first(buttons: Iterable[Button]) -> Button | None:
    return next(iter(buttons), None)


def synthesise_button(wanted: str) -> Button | None:
    """The button for `/submit/change` on a task that shows none: U1–U4, V1–V4 or a reroll; None for all else."""
    name = wanted.strip().upper()
    if name in _REROLL_NAMES:
        return Button(label="reroll", emoji=_REROLL_EMOJI, kind="reroll")
    if name not in _CHANGES:
        return None
    kind, index, _ = _CHANGES[name]
    return Button(label=name, kind=kind, index=index)


_SYNTHESISED: Final = tuple(button for name in _CHANGES if (button := synthesise_button(name)) is not None)


def choose_button(task: Task, wanted: str, *, windows: bool = False) -> Button:
    """The button to click on a task; where a succeeded one shows none at all, one for `/submit/change`.

    One that opens a window is chosen with `windows` alone: somebody must be there to answer it. Raises CannotClick,
    with the buttons that are there.
    """
    button = synthesise_button(wanted) if _is_bare(task) else find_button(task.buttons, wanted)
    return _require(task, button, wanted, windows=windows)


def choose_kind(task: Task, kind: str, index: int | None, *, windows: bool = False) -> Button:
    """`choose_button` by what a button does: its kind and, where several do the same, its index."""
    shown = _SYNTHESISED if _is_bare(task) else task.buttons
    meant = [button for button in shown if button.kind == kind and index in (None, button.index)]
    wanted = kind if index is None else f"{kind} {index}"
    if len(meant) > 1:
        raise CannotClick(f"several buttons are {_shorten(wanted)!r}; say which by its index")
    return _require(task, meant[0] if meant else None, wanted, windows=windows)


def _is_bare(task: Task) -> bool:
    """Whether its gateway shows no buttons, and takes changes."""
    return task.status == Status.SUCCESS and not task.buttons


def _require(task: Task, button: Button | None, wanted: str, *, windows: bool) -> Button:
    if button is None:
        there = ", ".join(each.label or each.emoji or each.custom_id or "?" for each in task.buttons)
        if _is_bare(task):
            there = "U1–U4, V1–V4, reroll"
        raise CannotClick(f"there is no button {_shorten(wanted)!r} on this task; there is: {there or 'none'}")
    if button.opens_modal and not windows:
        raise CannotClick(f"the button {_shorten(wanted)!r} opens a window, and needs a prompt or a mask")
    return button


def _shorten(wanted: str) -> str:
    return wanted if len(wanted) <= MAX_QUOTED else wanted[: MAX_QUOTED - 1] + "…"


def actions_of_label(label: str) -> tuple[str, ...]:
    """The actions of the tasks that a click on this label (or customId) may open; none where it cannot be known."""
    known = _BY_FOLDED.get(_fold(label))
    kinds = known.kinds if known else (parse_custom_id(label.strip()).kind,)
    return tuple(dict.fromkeys(action_of(kind) for kind in kinds if kind))


def opens_window(label: str) -> bool:
    """Whether a click on this label (or customId) surely opens a window that wants a prompt or a mask."""
    known = _BY_FOLDED.get(_fold(label))
    if known is None:
        return parse_custom_id(label.strip()).opens_modal
    return known.kinds[0] in _MODAL or ("PicReader" in known.kinds and known.index is not None)


def well_known_buttons() -> tuple[Button, ...]:
    """Every button that has a well-known label, as a task might show it: for whoever needs a task to try things on."""
    return tuple(
        Button(label=label, kind=known.kinds[0].replace("*", "v6"), index=known.index, opens_modal=opens_window(label))
        for label, known in _KNOWN.items()
    )

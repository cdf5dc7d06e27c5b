"""The buttons of Midjourney as a gateway knows them: what each does, and which ones a result shows.

The custom ids follow midjourney-proxy-plus and trueai's midjourney-proxy; the words of the reseller follow
new-api, which maps a click to an action of its own and refuses what it does not know.
"""

from typing import Literal

import msgspec

Shape = Literal["grid", "single", "describe", "shorten", "video", "clip", "face", "mark"]  # "mark" makes no task
Window = Literal["never", "remix", "always"]


class ButtonKind(msgspec.Struct, frozen=True, kw_only=True):
    """What a click on such a button does."""

    action: str  # the proxy's word for the task that it makes
    row_action: str | None  # new-api's word; None: new-api refuses the click
    window: Window  # whether a window opens first: never, only in Remix mode, or always
    shape: Shape  # of the result


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """A custom id, read."""

    word: str  # "upsample", "pan_left", "Outpaint" …
    family: str  # the same without what varies: "pan"
    index: int | None  # of a picture, 1–4, or of a text, 1–5
    kind: ButtonKind


def _kind(action: str, row_action: str | None, window: Window = "never", shape: Shape = "grid") -> ButtonKind:
    return ButtonKind(action=action, row_action=row_action, window=window, shape=shape)


_KINDS = {
    "upsample": _kind("UPSCALE", "UPSCALE", "never", "single"),
    "variation": _kind("VARIATION", "VARIATION", "remix"),
    "low_variation": _kind("VARIATION", "LOW_VARIATION", "remix"),
    "high_variation": _kind("VARIATION", "HIGH_VARIATION", "remix"),
    "reroll": _kind("REROLL", "REROLL", "remix"),
    "pan": _kind("PAN", "PAN", "remix"),
    "Outpaint": _kind("ZOOM", "ZOOM"),
    "CustomZoom": _kind("ZOOM", "CUSTOM_ZOOM", "always"),
    "Inpaint": _kind("VARIATION", "INPAINT", "always"),
    "animate": _kind("VIDEO", None, "remix", "video"),
    "video": _kind("VIDEO", None, "always", "video"),
    "video_virtual_upscale": _kind("UPSCALE", None, "never", "clip"),
    "PicReader": _kind("IMAGINE", None, "always"),
    "PicReader::all": _kind("IMAGINE", None),
    "Picread": _kind("DESCRIBE", None, "never", "describe"),
    "PromptAnalyzer": _kind("IMAGINE", None, "always"),
    "BOOKMARK": _kind("BOOKMARK", None, "never", "mark"),
}
_FAMILIES = ("upsample", "pan", "animate")  # whose words go on: "pan_left"
_INDICES = ("1", "2", "3", "4", "5")
_CHANGES = {"UPSCALE": "upsample", "VARIATION": "variation", "REROLL": "reroll"}
_LETTERS = {"U": "UPSCALE", "V": "VARIATION", "R": "REROLL"}


def read_custom_id(custom_id: str) -> Click | None:
    """What a click means, or None where the gateway would not know either."""
    mark, *parts = custom_id.split("::")
    if mark == "MJ" and parts and parts[0] in ("JOB", "Job"):
        parts = parts[1:]
    if mark != "MJ" or not parts:
        return None
    word, number = parts[0], parts[1] if len(parts) > 1 else ""
    family = next((name for name in _FAMILIES if word.startswith(f"{name}_")), word)
    if f"{family}::{number}" in _KINDS:
        family = f"{family}::{number}"
    if family not in _KINDS:
        return None
    return Click(word=word, family=family, index=int(number) if number in _INDICES else None, kind=_KINDS[family])


def read_change(action: str, index: int | None) -> Click | None:
    """The click that `/submit/change` asks for, or None where it is none."""
    word = _CHANGES.get(action)
    if word is None or (word != "reroll" and index not in (1, 2, 3, 4)):
        return None
    return Click(word=word, family=word, index=None if word == "reroll" else index, kind=_KINDS[word])


def read_content(content: str) -> tuple[str, str, int | None] | None:
    """Task id, action and index of a simple change such as `1712310326047513 U2`, or None."""
    task_id, space, what = content.strip().partition(" ")
    action = _LETTERS.get(what[:1].upper())
    if not space or action is None or (what[1:] not in ("1", "2", "3", "4") and what.upper() != "R"):
        return None
    return task_id, action, int(what[1:]) if what[1:] else None


def show_buttons(shape: Shape, image: str, *, videos: int = 4) -> list[dict[str, object]]:
    """The buttons under a finished result; `image` is the hash that their custom ids carry."""
    shown = _SHOWN[shape][:videos] if shape == "video" else _SHOWN[shape]
    return [
        {"customId": custom_id.format(image=image), "emoji": emoji, "label": label, "type": 2, "style": 2}
        for custom_id, emoji, label in shown
    ]


_SHOWN: dict[Shape, tuple[tuple[str, str, str], ...]] = {
    "grid": (
        *((f"MJ::JOB::upsample::{i}::{{image}}", "", f"U{i}") for i in range(1, 5)),
        ("MJ::JOB::reroll::0::{image}::SOLO", "🔄", ""),
        *((f"MJ::JOB::variation::{i}::{{image}}", "", f"V{i}") for i in range(1, 5)),
    ),
    "single": (
        ("MJ::JOB::upsample_v6r1_2x_subtle::1::{image}::SOLO", "upscale_1", "Upscale (Subtle)"),
        ("MJ::JOB::upsample_v6r1_2x_creative::1::{image}::SOLO", "upscale_1", "Upscale (Creative)"),
        ("MJ::JOB::low_variation::1::{image}::SOLO", "🪄", "Vary (Subtle)"),
        ("MJ::JOB::high_variation::1::{image}::SOLO", "🪄", "Vary (Strong)"),
        ("MJ::Inpaint::1::{image}::SOLO", "🖌️", "Vary (Region)"),
        ("MJ::Outpaint::50::1::{image}::SOLO", "🔍", "Zoom Out 2x"),
        ("MJ::Outpaint::75::1::{image}::SOLO", "🔍", "Zoom Out 1.5x"),
        ("MJ::CustomZoom::{image}", "🔍", "Custom Zoom"),
        ("MJ::JOB::pan_left::1::{image}::SOLO", "⬅️", ""),
        ("MJ::JOB::pan_right::1::{image}::SOLO", "➡️", ""),
        ("MJ::JOB::pan_up::1::{image}::SOLO", "⬆️", ""),
        ("MJ::JOB::pan_down::1::{image}::SOLO", "⬇️", ""),
        ("MJ::JOB::animate_high::1::{image}::SOLO", "🎞️", "Animate (High motion)"),
        ("MJ::JOB::animate_low::1::{image}::SOLO", "🎞️", "Animate (Low motion)"),
        ("MJ::BOOKMARK::{image}", "❤️", ""),
    ),
    "video": tuple((f"MJ::JOB::video_virtual_upscale::{i}::{{image}}", "", f"U{i}") for i in range(1, 5)),
    "clip": (
        ("MJ::JOB::animate_high_extend::1::{image}", "", "Extend (High motion)"),
        ("MJ::JOB::animate_low_extend::1::{image}", "", "Extend (Low motion)"),
    ),
    "face": (),
    "mark": (),
    "describe": (
        *((f"MJ::Job::PicReader::{i}", f"{i}️⃣", "") for i in range(1, 5)),
        ("MJ::Job::PicReader::all", "🎉", "Imagine all"),
        ("MJ::Picread::Retry", "🔄", ""),
    ),
    "shorten": tuple((f"MJ::Job::PromptAnalyzer::{i}", f"{i}️⃣", "") for i in range(1, 6)),
}

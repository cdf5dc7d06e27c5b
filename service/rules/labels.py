"""Which texts may name a button before any button is there to see: in a rule's `click` and in a task's `then`."""

from collections.abc import Sequence

from hooks.buttons import WELL_KNOWN_LABELS, actions_of_label
from service.written.mistakes import did_you_mean, quoted

THEN_AT_MOST = 20  # labels; no task of Midjourney's shows more buttons
_CUSTOM_ID = "MJ::"


def find_label_mistake(label: str) -> str | None:
    """What is wrong with a label; None when a task may show such a button (or has such a customId)."""
    if label.startswith(_CUSTOM_ID) or actions_of_label(label):
        return None
    return f"there is no button {quoted(label)}{did_you_mean(label, WELL_KNOWN_LABELS)}"


def find_repeated(labels: Sequence[str]) -> list[int]:
    """The places of labels that stand earlier in the list already."""
    # U+FE0F only asks for the coloured form of a glyph.
    folded = [label.strip().replace("\ufe0f", "").casefold() for label in labels]
    first: dict[str, int] = {}
    return [place for place, label in enumerate(folded) if first.setdefault(label, place) != place]


def check_then(labels: Sequence[str]) -> list[str]:
    """What is wrong with a task's `then` list, in words for its sender; empty when it may be stored."""
    if len(labels) > THEN_AT_MOST:
        return [f"at most {THEN_AT_MOST} buttons can be clicked on one task"]
    mistakes = [mistake for label in labels if (mistake := find_label_mistake(label))]
    return mistakes + [f"{quoted(labels[place])} is there twice" for place in find_repeated(labels)]

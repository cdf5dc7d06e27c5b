"""The vices of gateways: which there are, how they are switched on, and when they strike."""

import difflib
import math
import random
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")
Kind = Literal["chance", "seconds", "offset", "switch", "count"]


class Vice(msgspec.Struct, frozen=True, kw_only=True):
    """One vice. `kind` says what its number means."""

    name: str
    kind: Kind
    about: str


class UnknownVice(ValueError):
    """There is no such vice, or its number makes no sense."""


_TABLE: tuple[tuple[str, Kind, str], ...] = (
    ("drop", "chance", "a callback is never sent"),
    ("duplicate", "chance", "a callback is sent twice"),
    ("reorder", "chance", "a callback is held back until a later one of its task has gone out"),
    ("delay", "seconds", "every callback leaves this much later"),
    ("strip_hook", "chance", "the hook is silently removed, with code 1 as if all were well"),
    ("lag", "seconds", "the gateway's own row is this much older than its callbacks"),
    ("queue_full", "chance", "a submission is refused because the queue is full (23, or 9)"),
    ("refuse", "chance", "a submission is refused for good (24 for a prompt, 4 for a click)"),
    ("modal", "chance", "variations, pans and rerolls open a window, as in Remix mode"),
    ("fail", "chance", "a task ends in FAILURE"),
    ("slow_answer", "seconds", "every submission is answered this much later; its task works on"),
    ("answer_after_callback", "count", "a submission is answered after this many callbacks (or `all`)"),
    ("never_answer", "chance", "a submission is accepted and worked on, but never answered"),
    ("hang_up", "chance", "a submission is accepted and worked on, but the connection breaks"),
    ("hang", "chance", "a request, be it a question or a submission, is carried out but never answered"),
    ("garbage", "chance", "a request is carried out, and its answer is no JSON, half of it, or a web page"),
    ("cut", "chance", "a request is carried out, and the connection breaks in the middle of the answer"),
    ("close_idle", "seconds", "a kept connection is closed without a word this long after an answer"),
    ("existed", "chance", "an upscale was asked for by somebody before: 21, and the id of that task"),
    ("share_id", "chance", "a new task gets the id of the one before it"),
    ("foreign_id", "chance", "the body of a callback names another task"),
    ("modal_new_id", "chance", "the answer to a window makes a task with a new id"),
    ("no_uploads", "switch", "pictures are refused (trueai only)"),
    ("skew", "offset", "the clock is wrong by this much: the Date of answers, and the times of tasks"),
    ("forget", "chance", "a task is forgotten just after it was submitted: no callbacks, unknown id"),
    ("numeric_result", "switch", "`result` is a JSON number"),
    ("echo_hook", "switch", "task JSON shows the hook in properties.notifyHook (on by default)"),
)
VICES: Mapping[str, Vice] = {name: Vice(name=name, kind=kind, about=about) for name, kind, about in _TABLE}
DEFAULTS: Mapping[str, float] = {"echo_hook": 1.0}
_WORDS = {"on": 1.0, "true": 1.0, "yes": 1.0, "off": 0.0, "false": 0.0, "no": 0.0, "all": math.inf}


def read_vice(text: str) -> tuple[str, float]:
    """Read `drop=0.3`, `strip_hook` or `answer_after_callback=all`; raises UnknownVice with advice."""
    name, equals, value = text.strip().partition("=")
    vice = find_vice(name)
    if not equals:
        if vice.kind in ("seconds", "offset"):
            raise UnknownVice(f"{vice.name} wants a number of seconds, such as {vice.name}=2")
        return vice.name, 1.0
    word = value.strip().lower()
    try:
        number = _WORDS[word] if word in _WORDS else float(word)
    except ValueError:
        raise UnknownVice(f"{vice.name} wants a number, not {value!r}") from None
    return vice.name, check_number(vice, number)


def find_vice(name: str) -> Vice:
    """The vice of that name (`-` is as good as `_`); raises UnknownVice with the nearest names."""
    plain = name.strip().replace("-", "_").lower()
    if plain in VICES:
        return VICES[plain]
    near = difflib.get_close_matches(plain, VICES, n=2)
    advice = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(VICES)}"
    raise UnknownVice(f"there is no vice {name.strip()!r}; {advice}")


def check_number(vice: Vice, number: float) -> float:
    """Give the number back if it makes sense for the vice; raises UnknownVice if not."""
    if vice.kind in ("chance", "switch") and not 0 <= number <= 1:
        raise UnknownVice(f"{vice.name} wants a number from 0 to 1, not {number:g}")
    if vice.kind == "offset":
        if not math.isfinite(number):
            raise UnknownVice(f"{vice.name} wants a number of seconds, not {number:g}")
    elif math.isnan(number) or number < 0 or (vice.kind == "seconds" and math.isinf(number)):
        raise UnknownVice(f"{vice.name} wants a number that is not negative, not {number:g}")
    return number


class Vices:
    """The vices of one gateway, with a fate that depends on nothing but (seed, vice, ordinal, step).

    So a run is repeatable whatever the timing: callback 3 of the second task is dropped, or it is not.
    """

    def __init__(self, *, seed: int, numbers: Mapping[str, float]) -> None:
        self._seed = seed
        given = {find_vice(name).name: number for name, number in numbers.items()}
        self._numbers = {**DEFAULTS, **{name: check_number(VICES[name], n) for name, n in given.items()}}

    def happens(self, name: str, ordinal: int, step: int = 0) -> bool:
        """Whether a vice of chance strikes here."""
        chance = self.number(name)
        return chance > 0 and self._fate(name, ordinal, step).random() < chance

    def choose(self, name: str, ordinal: int, options: Sequence[T]) -> T:
        """One of the options, as fate has it."""
        return options[self._fate(f"{name} choice", ordinal, 0).randrange(len(options))]

    def number(self, name: str, default: float = 0.0) -> float:
        """The number that a vice was given, or the default."""
        return self._numbers.get(VICES[name].name, default)

    def active(self) -> dict[str, float | str]:
        """The vices that differ from a well-behaved gateway's, for JSON, which has no infinity: `all`."""
        changed = {name: n for name, n in self._numbers.items() if n != DEFAULTS.get(name, 0.0)}
        return {name: "all" if math.isinf(n) else n for name, n in changed.items()}

    def _fate(self, name: str, ordinal: int, step: int) -> random.Random:
        return random.Random(f"{self._seed}/{name}/{ordinal}/{step}")  # noqa: S311 - mischief, not secrets

"""An event with less in it, for who takes only so many bytes. Pure.

What a receiver misses least goes first: the gateway's own `properties`; then, again and again, whatever is largest.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from storage.records import JSON, Event

TRUNCATED: Final = "truncated"  # the name in an event's data that says that something is missing

_CUT: Final = "…"  # at the end of a text that went on
_SMALL: Final = 16  # bytes; there is nothing to gain from what is smaller
# Texts that are left out whole: half an address leads nowhere, and half an id names nothing.
_WHOLE: Final = frozenset({"button", "gateway_id", "image_url", "picture_url", "state"})

_encode: Final = msgspec.json.encode


def abridge(event: Event, excess: int) -> Event | None:
    """The event, shorter as JSON: by `excess` bytes, by as much as its largest part has, or by its `properties`.

    Its data says `truncated`. None when nothing is left that is worth leaving out.
    """
    task, data = event.task, event.data | {TRUNCATED: True}
    if task is not None and task.properties:
        return msgspec.structs.replace(event, task=msgspec.structs.replace(task, properties={}), data=data)
    sized = [(len(_encode(value)), room, name, value) for room, name, value in _list_parts(event)]
    size, room, name, value = max(sized, key=lambda part: part[0], default=(0, "", "", None))
    if size <= _SMALL:
        return None
    shorter = _shorten(name, value, size - excess)
    if room == "task" and task is not None:
        task = msgspec.structs.replace(task, **{name: shorter})
    elif room == "chain":
        data["chain"] = data["chain"] | {name: shorter}
    else:
        data[name] = shorter
    return msgspec.structs.replace(event, task=task, data=data)


def _list_parts(event: Event) -> Iterator[tuple[str, str, Any]]:
    """Everything that can be made shorter, with its name and where it stands."""
    rooms: dict[str, JSON] = {"data": event.data}
    if event.task is not None:
        rooms["task"] = msgspec.structs.asdict(event.task)
    if isinstance(chain := event.data.get("chain"), dict):
        rooms["chain"] = chain
    for room, values in rooms.items():
        for name, value in values.items():
            if isinstance(value, str | list | tuple | dict) and not (room == "data" and name in rooms):
                yield room, name, value


def _shorten(name: str, value: Any, room: int) -> Any:
    """The beginning of a text or a list that has room in so many bytes; nothing of all else."""
    if isinstance(value, dict):
        return {}
    if name in _WHOLE:
        return None
    end = _CUT if isinstance(value, str) else type(value)()
    fitting = bisect_right(range(len(value)), room, key=lambda count: len(_encode(value[:count] + end)))
    return value[: max(fitting - 1, 0)] + end

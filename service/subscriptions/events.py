"""The events that a subscription asks for: types, and wildcards such as `task.*`."""

from collections.abc import Sequence

from service.written.mistakes import did_you_mean, quoted
from storage.audience import fits
from storage.records import EVENT_TYPES
from storage.records_of_deliveries import GATEWAY_EVENTS, Format


def find_event_mistake(pattern: str) -> str | None:
    """What is wrong with a type or a wildcard: it names no event that there is. None when it does."""
    if any(fits((pattern,), event_type) for event_type in EVENT_TYPES):
        return None
    return f"there is no event {quoted(pattern)}{did_you_mean(pattern, EVENT_TYPES)}"


def find_format_mistake(form: Format, events: Sequence[str]) -> str | None:
    """What is wrong with a format: none of the events can be told in it. None when one can."""
    if form != "gateway" or any(fits(events, event_type) for event_type in GATEWAY_EVENTS):
        return None
    return "gateways tell of tasks alone, and none of these events is about what becomes of one"

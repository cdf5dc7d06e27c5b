"""The example that tries a subscription: of an event that it hears of, and plainly not a real one."""

import pytest

from hooks.envelope import write_letter
from service.web.examples import make_example
from storage.records import EVENT_TYPES
from storage.records_of_deliveries import Format, Subscription


def example_of(written: Format, *events: str):  # type: ignore[no-untyped-def]
    subscription = Subscription(
        id="sub_1", origin="api", host="x:1", sealed="", events=events, format=written, created_at=0, updated_at=0
    )
    return make_example(subscription, now=1_800_000_000_000)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("written", ["standard", "cloudevents", "cloudevents-binary", "gateway"])
def test_every_type_can_be_told_in_every_format_that_suits_it(event_type: str, written: Format) -> None:
    event = example_of(written, event_type)
    assert write_letter(event, written, source="urn:ringback").body
    assert event.data["test"] is True
    if written != "gateway":
        assert event.type == event_type


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (("*",), "task.succeeded"),
        (("chain.*", "task.failed"), "chain.settled"),
        (("task.f*",), "task.failed"),
        (("rule.paused",), "rule.paused"),
    ],
)
def test_the_happiest_event_that_is_heard_of_is_the_example(events: tuple[str, ...], told: str) -> None:
    assert example_of("standard", *events).type == told


def test_each_example_has_an_id_of_its_own() -> None:
    assert len({example_of("standard", "*").id for _ in range(5)}) == 5

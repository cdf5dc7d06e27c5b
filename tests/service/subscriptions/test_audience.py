"""Who is chosen for an event, and what happens when a filter is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from service.rules.match import Clause, Match
from service.rules.subject import Subject
from service.subscriptions.audience import Seat, Seating, assemble
from service.subscriptions.match import read_filter
from storage.audience import fits
from storage.records import CHAIN_SETTLED, EVENT_TYPES, Chain, Task
from storage.records_of_deliveries import GATEWAY_EVENTS, Subscription

CHAIN = Chain(
    root_id="8000000000000001", tasks=1, succeeded={"IMAGINE": 1}, failed={}, cancelled={}, retried={}, lost=0,
    cost=None, pictures=(),
)  # fmt: skip


def choose(audience, event_type, task=None, chain=None):
    return [each.id for each in audience.choose(event_type, task, chain)]


def test_types_and_wildcards_say_which_events_are_wanted(make_subscription, make_task):
    audience = assemble(
        [
            make_subscription("all"),
            make_subscription("tasks", ("task.*",)),
            make_subscription("endings", ("task.succeeded", "task.failed")),
        ]
    )
    task = make_task()
    assert choose(audience, "task.failed", task) == ["all", "tasks", "endings"]
    assert choose(audience, "task.progressed", task) == ["all", "tasks"]
    assert choose(audience, "subscription.disabled") == ["all"]
    few = assemble([make_subscription(events=("task.succ*",))])
    assert few.listens("task.succeeded")
    assert not few.listens("task.failed")
    assert choose(few, "task.failed", task) == []


def test_in_the_format_of_gateways_only_what_gateways_know_is_owed(make_subscription, make_task):
    audience = assemble([make_subscription(format="gateway")])
    heard = {each for each in EVENT_TYPES if audience.listens(each)}
    assert heard == set(GATEWAY_EVENTS)
    assert choose(audience, "task.succeeded", make_task()) == ["a"]
    assert choose(audience, CHAIN_SETTLED, make_task(), CHAIN) == []


def test_nobody_is_chosen_where_nobody_subscribes(make_task):
    audience = assemble([])
    assert not any(map(audience.listens, EVENT_TYPES))
    assert choose(audience, "task.succeeded", make_task()) == []


def test_a_match_looks_at_the_task_and_at_the_chain_that_has_settled(make_subscription, make_task):
    audience = assemble(
        [
            make_subscription("upscales", match={"action": "UPSCALE"}),
            make_subscription("cats", match={"prompt": {"word": "cat"}}),
            make_subscription("grids", match={"chain.succeeded.IMAGINE": 1}),
        ]
    )
    assert choose(audience, "task.succeeded", make_task(action="UPSCALE", prompt="a cat")) == ["upscales", "cats"]
    assert choose(audience, "task.succeeded", make_task(prompt="a cat")) == ["cats"]
    assert choose(audience, CHAIN_SETTLED, make_task(prompt="a dog"), CHAIN) == ["grids"]


def test_an_event_about_no_task_is_for_those_without_a_match_alone(make_subscription):
    audience = assemble([make_subscription("a"), make_subscription("b", match={}), make_subscription("c")])
    assert choose(audience, "rule.paused") == ["a", "c"]


def test_a_disabled_subscription_is_chosen_as_any_other(make_subscription, make_task):
    audience = assemble([make_subscription(state="disabled")])
    assert choose(audience, "task.succeeded", make_task()) == ["a"]


def test_a_match_that_cannot_be_read_any_more_lets_nothing_pass_and_is_told(make_subscription, make_task):
    with capture_logs() as lines:
        audience = assemble([make_subscription("old", match={"gone": 1}), make_subscription("new")])
    (line,) = lines
    assert (line["event"], line["log_level"], line["subscription"]) == ("filter refused", "error", "old")
    assert "match.gone: a task has no field 'gone'" in line["mistakes"]
    assert choose(audience, "task.succeeded", make_task()) == ["new"]


def test_a_match_that_fails_lets_nothing_pass_and_is_told_once(make_subscription, make_task):
    clause = Clause(line=1, field="x", operator="is", expected=0, read=lambda subject: subject, test=lambda _: 1 / 0)
    seats = [
        Seat(on="task.succeeded", match=Match((clause,)), filtered=True, subscription=make_subscription("a")),
        Seat(on="task.succeeded", match=Match(), filtered=False, subscription=make_subscription("b")),
    ]
    audience, task = Seating(seats), make_task()
    with capture_logs() as lines:
        assert choose(audience, "task.succeeded", task) == ["b"]
        assert choose(audience, "task.succeeded", task) == ["b"]
    assert [(line["event"], line["subscription"]) for line in lines] == [("filter failed", "a")]


MATCHES = st.sampled_from(
    [None, {}, {"action": "UPSCALE"}, {"action": ["IMAGINE", "UPSCALE"]}, {"depth": {"gte": 1}}, {"tags": "x"}]
)
EVENTS = st.lists(st.sampled_from(["*", "task.*", "task.failed", "chain.settled", "*.settled"]), min_size=1, max_size=2)


@given(wanted=st.lists(st.tuples(EVENTS, MATCHES), max_size=8), action=st.sampled_from(["IMAGINE", "UPSCALE", "PAN"]),
       depth=st.integers(0, 2), tags=st.lists(st.sampled_from("xy")), about=st.booleans())  # fmt: skip
@pytest.mark.parametrize("event_type", ["task.failed", CHAIN_SETTLED, "rule.paused"])
def test_who_is_chosen_is_who_would_be_asked_one_by_one(event_type, wanted, action, depth, tags, about):
    subscriptions = [
        Subscription(
            id=str(number), origin="api", host="h", sealed="", events=tuple(events), match=match, created_at=0,
            updated_at=0,
        )
        for number, (events, match) in enumerate(wanted)
    ]  # fmt: skip
    task = Task(
        id="1", root_id="1", gateway="g", action=action, depth=depth, tags=tuple(tags), origin="api", created_at=0,
        updated_at=0,
    ) if about else None  # fmt: skip
    expected = [
        each.id
        for each in subscriptions
        if fits(each.events, event_type)
        and (each.match is None or (task is not None and read_filter(each.match).matches(Subject(task))))
    ]
    audience = assemble(subscriptions)
    assert choose(audience, event_type, task) == expected
    assert audience.listens(event_type) >= bool(expected)

"""What keeps a rule from acting: each guard, its words, and that no budget is ever exceeded."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.guards import Case, check_guards
from service.rules.hindsight.past import Past
from service.rules.hindsight.replay import Replay
from service.rules.limits import FUSE
from service.rules.reactor import Reactor
from service.rules.subject import Subject
from storage.reactions import Firing, Spending
from storage.records import Button, Task

NOW = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC
HOUR = 3_600_000
DAY = 24 * HOUR
RULE = "rules: [{id: it, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}]"
PRICES = {"UPSCALE": 0.1, "VARIATION": 0.3, "IMAGINE": 0.7}

MakeTask = Callable[..., Task]
MakeReactor = Callable[..., Reactor]


def price(gateway: str, action: str, mode: str | None) -> float | None:
    return PRICES.get(action)


@pytest.fixture(scope="session")
def replay(make_reactor: MakeReactor, nobody_else: Past) -> Callable[..., Replay]:
    def make(text: str, **more: Any) -> Replay:
        return Replay(make_reactor(text, **more), nobody_else)

    return make


def told(replay: Replay) -> list[tuple[str, str | None, str | None]]:
    return [(each.outcome, each.reason, each.detail) for each in replay.firings.values()]


@pytest.mark.parametrize(
    ("depth", "own", "detail"),
    [
        (3, "", None),
        (4, "", "a follow-up would be 5 hops deep; limits.max_depth is 4"),
        (1, ", max_depth: 2", None),
        (2, ", max_depth: 2", "a follow-up would be 3 hops deep; the rule's max_depth is 2"),
        (4, ", max_depth: 8", "a follow-up would be 5 hops deep; limits.max_depth is 4"),
    ],
)
def test_depth_is_bounded_by_the_limits_and_by_the_rule(
    replay: Callable[..., Replay], make_task: MakeTask, depth: int, own: str, detail: str | None
) -> None:
    played = replay(RULE.replace("}]", f"{own}}}]"))
    played.follow("task.succeeded", make_task(depth=depth), NOW)
    assert told(played) == [("blocked", "depth", detail) if detail else ("fired", None, None)]


def test_depth_does_not_bound_what_goes_no_deeper(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    text = "rules: [{id: it, on: task.failed, attempts: {max: 3}, do: [{resubmit: {}}, {tag: again}]}]"
    played = replay(text)
    played.follow("task.failed", make_task(depth=8, status="FAILURE"), NOW)
    assert told(played) == [("fired", None, None)]


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"attempt": 1}, ("fired", None, None)),
        ({"attempt": 2}, ("fired", None, None)),
        ({"attempt": 3}, ("blocked", "attempts", "attempts.max is 2; it has been asked for 2 more times")),
        ({"fail_kind": "moderation"}, ("blocked", "moderation", "moderation refused it, and would again")),
        (
            {"fail_kind": "moderation", "attempt": 2, "retry_of": "8000000000000009"},
            ("blocked", "moderation", "moderation refused it, and would again"),
        ),
    ],
)
def test_attempts_are_counted_and_moderation_is_never_asked_again(
    replay: Callable[..., Replay], make_task: MakeTask, fields: dict[str, Any], outcome: tuple[str, ...]
) -> None:
    played = replay("rules: [{id: it, on: task.failed, attempts: {max: 2}, do: [resubmit: {}]}]")
    played.follow("task.failed", make_task(status="FAILURE", **fields), NOW)
    assert told(played) == [outcome]


@pytest.mark.parametrize(
    ("prompt", "again"),
    [
        ("{prompt}", True),
        ("please: {prompt} --ar 2:3", True),
        ("--ar 2:3 a  RED\u3000Cat", True),
        ("a blue cat", False),
        ("{fail_kind}", False),
    ],
)
@pytest.mark.parametrize("kind", ["moderation", "timeout"])
def test_a_prompt_that_moderation_refused_is_not_sent_again_in_another_dress(
    replay: Callable[..., Replay], make_task: MakeTask, prompt: str, again: bool, kind: str
) -> None:
    played = replay(f'rules: [{{id: it, on: task.failed, max_depth: 2, do: [submit: {{prompt: "{prompt}"}}]}}]')
    played.follow("task.failed", make_task(status="FAILURE", fail_kind=kind, prompt="a red cat --ar 1:1"), NOW)
    refused = ("blocked", "moderation", "moderation refused that prompt, and would again")
    assert told(played) == [refused if again and kind == "moderation" else ("fired", None, None)]


@pytest.mark.parametrize("prompt", [None, "", "--ar 1:1"])
def test_where_no_prompt_was_refused_another_one_may_be_sent(
    replay: Callable[..., Replay], make_task: MakeTask, prompt: str | None
) -> None:
    played = replay("rules: [{id: it, on: task.failed, max_depth: 2, do: [submit: {prompt: a cat}]}]")
    played.follow("task.failed", make_task(status="FAILURE", fail_kind="moderation", prompt=prompt), NOW)
    assert told(played) == [("fired", None, None)]


def test_a_click_that_moderation_refused_is_not_clicked_again(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    click = "match: {action: IMAGINE}, do: [click: U1]"
    played = replay(
        f"rules: [{{id: one, on: task.succeeded, {click}}}, {{id: two, on: chain.settled, {click}}},"
        " {id: three, on: chain.settled, match: {action: IMAGINE}, do: [click: U2]}]"
    )
    grid = make_task()
    played.follow("task.succeeded", grid, NOW)
    fields = {"action": "UPSCALE", "button": "U1", "index": 1, "parent_id": grid.id, "root_id": grid.id}
    played.see(make_task(2, status="FAILURE", fail_kind="moderation", submission="accepted", **fields))
    played.follow("chain.settled", grid, NOW + 1)
    assert told(played) == [
        ("fired", None, None),
        ("blocked", "moderation", "moderation refused a click of that button, and would again"),
        ("fired", None, None),
    ]


def test_a_pause_grows_with_the_attempts_and_is_over_when_it_is_over(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    played = replay(
        "rules: [{id: it, on: task.failed, attempts: {max: 5, backoff: [30s, 5m]}, do: [resubmit: {}, tag: again]}]"
    )
    for attempt in (1, 2, 4):
        played.follow("task.failed", make_task(attempt, status="FAILURE", attempt=attempt), NOW)
    assert told(played) == [
        ("deferred", "backoff", f"the pause before attempt {attempt} is {pause}, until 08:{until} UTC")
        for attempt, pause, until in ((2, "30s", "00:30"), (3, "5m", "05:00"), (5, "5m", "05:00"))
    ]
    played.wait(NOW + 29_999)
    assert {each.outcome for each in played.firings.values()} == {"deferred"}
    played.wait(NOW + 300_000)
    assert [each.updated_at - NOW for each in played.firings.values()] == [30_000, 300_000, 300_000]
    assert {each.outcome for each in played.firings.values()} == {"fired"}


def test_a_pause_counts_from_the_failure_whatever_else_was_waited_for(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    played = replay(
        "rules: [{id: it, on: task.failed, quiet_hours: {from: 08:00, to: 08:10, tz: UTC},"
        " attempts: {max: 2, backoff: [5m, 1h]}, do: [resubmit: {}]}]"
    )
    for attempt in (1, 2):
        played.follow("task.failed", make_task(attempt, status="FAILURE", attempt=attempt), NOW)
    assert [each[:2] for each in told(played)] == [("deferred", "quiet_hours")] * 2
    played.wait(NOW + 600_000)
    assert [each[:2] for each in told(played)] == [("fired", None), ("deferred", "backoff")]
    assert [each.next_at for each in played.firings.values()] == [None, NOW + HOUR]


def test_the_fuse_pauses_a_rule_that_fires_too_often_under_one_root(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    played = replay(RULE)
    for number in range(1, FUSE + 3):
        played.follow("task.succeeded", make_task(number, root_id=make_task(1).id), NOW)
    played.follow("task.succeeded", make_task(100), NOW)
    outcomes = told(played)
    assert outcomes[:FUSE] == [("fired", None, None)] * FUSE
    why = f"the rule fired 20 times under root {make_task(1).id}; more than 20 pause it"
    assert outcomes[FUSE] == ("blocked", "paused", why)
    assert outcomes[FUSE + 1 :] == [("blocked", "paused", "the rule is paused")] * 2


def test_the_fuse_is_about_money_alone(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay("rules: [{id: it, on: task.succeeded, do: [tag: done]}]")
    for number in range(1, 2 * FUSE):
        played.follow("task.succeeded", make_task(number, root_id=make_task(1).id), NOW)
    assert {each.outcome for each in played.firings.values()} == {"fired"}


def test_the_fuse_lets_through_what_costs_nothing(
    make_reactor: MakeReactor, make_task: MakeTask, nobody_else: Past
) -> None:
    class Clicked(type(nobody_else)):  # type: ignore[misc]
        def has_click(self, task: Task, button: Button, now: int) -> bool:
            return task.id == make_task(FUSE + 1).id

    played = Replay(make_reactor(RULE), Clicked())
    for number in range(1, FUSE + 2):
        played.follow("task.succeeded", make_task(number, root_id=make_task(1).id), NOW)
    assert told(played)[FUSE][:2] == ("blocked", "exists")


def test_a_dry_run_decides_and_does_nothing(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay(RULE.replace("do:", "dry_run: true, do:"))
    played.follow("task.succeeded", make_task(), NOW)
    assert told(played) == [("blocked", "dry_run", "a dry run does nothing")]


QUIET = "quiet_hours: {from: 16:00, to: 20:00, tz: Asia/Shanghai%s}"  # NOW is 16:00 there


@pytest.mark.parametrize(("policy", "outcome"), [("", "deferred"), (", policy: drop", "blocked")])
def test_quiet_hours_of_the_service_are_for_what_costs(
    replay: Callable[..., Replay], make_task: MakeTask, policy: str, outcome: str
) -> None:
    free = ", {id: free, on: task.succeeded, do: [tag: done]}]"
    played = replay(f"limits: {{{QUIET % policy}}}\n{RULE[:-1]}{free}")
    played.follow("task.succeeded", make_task(), NOW)
    detail = "limits.quiet_hours are 16:00–20:00 Asia/Shanghai; they end at 12:00:00 UTC"
    assert told(played) == [(outcome, "quiet_hours", detail), ("fired", None, None)]
    played.wait(NOW + 4 * HOUR)
    assert told(played)[0][0] == ("fired" if outcome == "deferred" else "blocked")


def test_quiet_hours_of_a_rule_are_for_all_that_it_does(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay(f"rules: [{{id: it, on: task.succeeded, {QUIET % ''}, do: [tag: done]}}]")
    played.follow("task.succeeded", make_task(), NOW)
    assert told(played)[0][:2] == ("deferred", "quiet_hours")


def test_a_budget_says_how_much_is_used_and_when_there_is_room(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    played = replay("limits: {per_hour: 2}\n" + RULE)
    for number in range(1, 4):
        played.follow("task.succeeded", make_task(number), NOW + number * 1000)
    detail = "limits.per_hour is 2: 2 follow-ups in the last hour, 1 more wanted; there is room at 09:00:01 UTC"
    assert told(played)[2] == ("deferred", "budget", detail)
    played.wait(NOW + 1000 + HOUR - 1)
    assert told(played)[2][0] == "deferred"
    played.wait(NOW + 1000 + HOUR)
    assert told(played)[2] == ("fired", None, None)


def test_a_list_fits_as_a_whole_or_not_at_all(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay(
        "limits: {per_day: 4, policy: drop}\n"
        "rules: [{id: it, on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2, U3]]}]"
    )
    played.follow("task.succeeded", make_task(1), NOW)
    played.follow("task.succeeded", make_task(2), NOW)
    assert [each[:2] for each in told(played)] == [("fired", None), ("blocked", "budget")]


def test_a_list_waits_until_there_is_room_for_all_of_it(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay(
        "limits: {per_hour: 3}\n"
        "rules: [{id: one, on: task.succeeded, match: {action: IMAGINE, depth: 0}, do: [click: U1]},"
        " {id: both, on: task.succeeded, match: {action: IMAGINE, depth: 1}, do: [click: [U1, U2]]}]"
    )
    for number in range(1, 4):
        played.follow("task.succeeded", make_task(number), NOW + number * 1000)
    played.follow("task.succeeded", make_task(4, depth=1), NOW + 4000)
    # The first to leave makes room for one: the second makes room for both.
    assert [*played.firings.values()][-1].next_at == NOW + 2000 + HOUR
    played.wait(NOW + 2000 + HOUR)
    assert told(played)[-1] == ("fired", None, None)


def test_the_guards_are_asked_in_one_order(make_reactor: MakeReactor, make_task: MakeTask, nobody_else: Past) -> None:
    reactor = make_reactor(
        "limits: {max_depth: 1, per_hour: 2, " + QUIET % "" + "}\n"
        "rules: [{id: it, on: task.failed, dry_run: true, attempts: {max: 1, backoff: [1h]}, budget: {per_root: 2},"
        " do: [{submit: {prompt: x}}, {resubmit: {}}]}]"
    )
    failed = make_task(status="FAILURE")
    case = reactor.make_case(reactor.rulebook.rules[0], Subject(failed), Replay(reactor, nobody_else))
    assert isinstance(case, Case)
    assert [*dict.fromkeys(check.guard for check in check_guards(case))] == [
        *("paused", "depth", "attempts", "moderation", "fuse", "dry_run", "quiet_hours", "backoff", "budget")
    ]


def test_a_budget_under_a_root_never_waits(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay(RULE.replace("do:", "budget: {per_root: 1}, do:"))
    root = make_task(1).id
    played.follow("task.succeeded", make_task(1), NOW)
    played.follow("task.succeeded", make_task(2, root_id=root), NOW)
    played.follow("task.succeeded", make_task(3), NOW)
    detail = "budget.per_root is 1: 1 follow-up under this root, 1 more wanted"
    assert told(played) == [("fired", None, None), ("blocked", "budget", detail), ("fired", None, None)]


def test_an_amount_is_spent_to_the_cent(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay("limits: {spend_per_day: 0.3, policy: drop}\n" + RULE, price=price)
    for number in range(1, 5):  # 0.1 + 0.1 + 0.1 is more than 0.3 in binary
        played.follow("task.succeeded", make_task(number), NOW)
    detail = "limits.spend_per_day is 0.3: 0.3 spent in the last 24 hours, 0.1 more wanted; there is room at 2027-01-16"
    assert [each[0] for each in told(played)] == ["fired", "fired", "fired", "blocked"]
    assert str(told(played)[3][2]).startswith(detail)


def test_an_amount_that_never_fits_does_not_wait(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay("limits: {spend_per_day: 0.05}\n" + RULE, price=price)
    played.follow("task.succeeded", make_task(), NOW)
    detail = "limits.spend_per_day is 0.05: 0 spent in the last 24 hours, 0.1 more wanted; so much never fits"
    assert told(played) == [("blocked", "budget", detail)]


def test_without_a_price_nothing_is_bought_against_an_amount(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    played = replay("limits: {spend_per_day: 5}\n" + RULE)
    played.follow("task.succeeded", make_task(), NOW)
    detail = "limits.spend_per_day is 5: gateway fuhuapi has no price for UPSCALE"
    assert told(played) == [("blocked", "budget", detail)]


def test_what_stands_already_needs_no_budget(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    second = ", {id: too, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}]"
    played = replay("limits: {per_hour: 1, policy: drop}\n" + RULE[:-1] + second)
    played.follow("task.succeeded", make_task(), NOW)
    assert [each[:2] for each in told(played)] == [("fired", None), ("blocked", "exists")]


def test_what_was_asked_for_once_more_already_needs_no_budget(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    rule = "{id: %s, on: task.failed, attempts: {max: 1}, do: [resubmit: {}]}"
    played = replay(f"limits: {{per_hour: 1, policy: drop}}\nrules: [{rule % 'it'}, {rule % 'too'}]")
    played.follow("task.failed", make_task(status="FAILURE"), NOW)
    assert [each[:2] for each in told(played)] == [("fired", None), ("blocked", "exists")]


def test_a_refused_submission_gives_its_share_back(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay("limits: {per_hour: 1, policy: drop}\n" + RULE)
    played.follow("task.succeeded", make_task(1), NOW)
    child = make_task(
        9, action="UPSCALE", button="U1", index=1, parent_id=make_task(1).id, status="FAILURE", submission="rejected"
    )
    played.see(child)
    played.follow("task.succeeded", make_task(2), NOW)
    assert [each[0] for each in told(played)] == ["fired", "fired"]


_STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 60_000, 20 * 60_000, HOUR - 1, HOUR, 7 * HOUR]), st.integers(1, 3)),
    min_size=1,
    max_size=40,
)
_BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "per_hour": st.integers(4, 6),
        "per_day": st.integers(4, 9),
        "spend_per_hour": st.sampled_from([0.7, 1.0, 1.1]),
        "spend_per_day": st.sampled_from([0.7, 2.0, 2.1]),
    },
)
RULES = """
rules:
  - {id: one, on: task.succeeded, match: {action: IMAGINE}, max_depth: 4, do: [click: U1]%s}
  - {id: two, on: task.succeeded, match: {action: IMAGINE}, max_depth: 4, do: [click: [U2, U3, V1]]%s}
  - {id: three, on: task.succeeded, match: {action: IMAGINE}, max_depth: 4, do: [click: [U3, V4, U4]]}
"""


def written(bounds: dict[str, float], policy: str) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in bounds.items()) + f", policy: {policy}}}"


def opened(firings: list[Firing], rule: str | None = None, root: str | None = None) -> list[tuple[int, float]]:
    return [
        (firing.updated_at, PRICES["UPSCALE" if result["button"].startswith("U") else "VARIATION"])
        for firing in firings
        if rule in (None, firing.rule) and root in (None, firing.root_id)
        for result in firing.actions
        if result["result"] == "opened"
    ]


def exceeds(paid: list[tuple[int, float]], bounds: dict[str, float]) -> bool:
    """Whether any rolling window holds more than its bound: it is enough to look at those that begin at a payment."""
    for name, most in bounds.items():
        window = HOUR if name.endswith("hour") else DAY
        for start, _ in paid:
            costs = [cost for time, cost in paid if start <= time < start + window]
            if (sum(costs) if name.startswith("spend") else len(costs)) > most + 1e-6:
                return True
    return False


@given(steps=_STEPS, limits=_BOUNDS, own=_BOUNDS, per_root=st.integers(3, 5), policy=st.sampled_from(["defer", "drop"]))
@settings(deadline=None)
def test_no_rolling_window_is_ever_exceeded(
    replay: Callable[..., Replay],
    make_task: MakeTask,
    steps: list[tuple[int, int]],
    limits: dict[str, float],
    own: dict[str, float],
    per_root: int,
    policy: str,
) -> None:
    head = f"limits: {written(limits, policy)}\n" if limits else ""
    mine = written({"per_root": per_root, **own}, policy)
    played = replay(
        head + RULES % (f", budget: {written(own, policy)}" if own else "", f", budget: {mine}"), price=price
    )
    now = NOW
    for number, (pause, root) in enumerate(steps, 1):
        now += pause
        played.follow("task.succeeded", make_task(number + 10, root_id=make_task(root).id), now)
    played.wait(now + 3 * DAY)
    firings = list(played.firings.values())
    assert not exceeds(opened(firings), limits)
    assert not exceeds(opened(firings, "one"), own)
    assert not exceeds(opened(firings, "two"), own)
    for root in (1, 2, 3):
        assert len(opened(firings, "two", make_task(root).id)) <= per_root
    if policy == "drop":
        assert not [firing for firing in firings if firing.outcome == "deferred"]


@given(steps=_STEPS, most=st.integers(1, 4))
@settings(deadline=None)
def test_those_that_wait_for_room_come_in_their_order(
    replay: Callable[..., Replay], make_task: MakeTask, steps: list[tuple[int, int]], most: int
) -> None:
    played = replay(f"limits: {{per_hour: {most}}}\n" + RULE)
    now = NOW
    for number, (pause, _) in enumerate(steps, 1):
        now += pause
        played.follow("task.succeeded", make_task(number), now)
    played.wait(now + 7 * DAY)
    firings = list(played.firings.values())
    assert [firing.outcome for firing in firings] == ["fired"] * len(steps)
    assert [firing.updated_at for firing in firings] == sorted(firing.updated_at for firing in firings)


def test_a_place_that_was_freed_more_often_than_it_was_held_is_free(
    replay: Callable[..., Replay], make_task: MakeTask
) -> None:
    played = replay(RULE)
    freed = make_task(
        2, status="FAILURE", action="UPSCALE", button="U1", index=1, parent_id=make_task().id, submission="accepted"
    )
    played.see(freed)
    played.follow("task.succeeded", make_task(), NOW)
    (button,) = (each for each in make_task().buttons if each.label == "U1")
    assert played.has_click(make_task(), button)
    played.see(freed)
    assert not played.has_click(make_task(), button)


def test_what_stood_and_what_could_not_be_done_is_an_error(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay(
        "rules: [{id: a, on: task.succeeded, do: [tag: x]}, {id: b, on: task.succeeded, do: [tag: x]},"
        " {id: c, on: task.succeeded, do: [{tag: x}, {download: {to: '{id}.png'}}]}]"
    )
    played.follow("task.succeeded", make_task(image_url=None), NOW)
    assert [each[:2] for each in told(played)] == [("fired", None), ("blocked", "exists"), ("blocked", "error")]


def test_what_falls_due_is_decided_about_at_its_time(replay: Callable[..., Replay], make_task: MakeTask) -> None:
    played = replay("limits: {per_hour: 1}\n" + RULE)
    for number in (1, 2, 3):
        played.follow("task.succeeded", make_task(number), NOW + number)
    played.wait(NOW + 3 * HOUR)
    assert [firing.updated_at for firing in played.firings.values()] == [NOW + 1, NOW + 1 + HOUR, NOW + 1 + 2 * HOUR]


def test_what_is_asked_for_once_more_already_needs_no_room(
    make_reactor: MakeReactor, make_task: MakeTask, nobody_else: Past
) -> None:
    class Answered(type(nobody_else)):  # type: ignore[misc]
        def is_answered(self, task: Task, now: int) -> bool:
            return True

    rule = "{id: it, on: task.failed, attempts: {max: 2}, budget: {per_hour: 1}, do: [resubmit: {}]}"
    played = Replay(make_reactor(f"limits: {{per_hour: 1}}\nrules: [{rule}]"), Answered())
    played.recall("other", Spending(time=NOW, cost=None))
    played.follow("task.failed", make_task(status="FAILURE"), NOW + 1)
    assert [each[:2] for each in told(played)] == [("blocked", "exists")]

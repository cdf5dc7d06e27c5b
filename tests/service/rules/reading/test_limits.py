"""Limits, budgets, quiet hours and attempts are checked when they are read."""

from collections.abc import Callable
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.rules.limits import Attempts, Budget, Limits, QuietHours
from service.rules.reading.limits import read_attempts, read_budget, read_limits, read_quiet_hours
from service.written.document import Document
from service.written.nodes import Node


def read(reader: Callable[[Node], Any], text: str) -> tuple[Any, list[str]]:
    document = Document(text.encode(), file="f", environ={})
    assert document.root is not None, document.source.mistakes
    return reader(document.root), [str(mistake) for mistake in document.source.mistakes]


def test_limits_are_read_whole() -> None:
    assert read(
        read_limits,
        "{max_depth: 3, per_hour: 60, spend_per_day: 20, policy: drop,"
        " quiet_hours: {from: '23:00', to: 7:00, tz: Asia/Shanghai, policy: defer}}",
    ) == (
        Limits(
            max_depth=3,
            budget=Budget(per_hour=60, spend_per_day=20.0, policy="drop"),
            quiet_hours=QuietHours(start=time(23), end=time(7), zone=ZoneInfo("Asia/Shanghai")),
        ),
        [],
    )
    assert read(read_limits, "{max_depth: 2}") == (Limits(max_depth=2), [])


def test_a_budget_is_read_whole() -> None:
    text = "{per_root: 1, per_hour: 2, per_day: 3, spend_per_root: 0.5, spend_per_hour: 1, spend_per_day: 2.5}"
    assert read(read_budget, text) == (
        Budget(per_root=1, per_hour=2, per_day=3, spend_per_root=0.5, spend_per_hour=1.0, spend_per_day=2.5),
        [],
    )


def test_the_day_may_end_at_24() -> None:
    hours, mistakes = read(read_quiet_hours, "{from: 22:30, to: 24:00, tz: UTC}")
    assert (hours.start, hours.end, mistakes) == (time(22, 30), time(0), [])


@pytest.mark.parametrize(
    ("text", "backoff"),
    [
        ("{max: 2}", ()),
        ("{max: 2, backoff: 30s}", (30_000,)),
        ("{max: 2, backoff: [1s, 5m, 2h, 1d]}", (1_000, 300_000, 7_200_000, 86_400_000)),
    ],
)
def test_pauses_have_their_unit(text: str, backoff: tuple[int, ...]) -> None:
    assert read(read_attempts, text) == (Attempts(max=2, backoff=backoff), [])


QUIET = "from: 23:00, to: 07:00"


@pytest.mark.parametrize(
    ("reader", "text", "mistake"),
    [
        (read_limits, "{per_rot: 1}", "f:1:2: unknown key 'per_rot'"),
        (read_limits, "{per_root: 1}", "f:1:2: unknown key 'per_root' (did you mean 'per_hour'?)"),
        (read_limits, "{policy: drop}", "f:1:10: there is no budget that this could be for; give one of per_hour, per"),
        (read_limits, "{per_hour: 0}", "f:1:12: expected a whole number from 1 to 1000000, found the number 0"),
        (read_limits, "{spend_per_day: 0}", "f:1:17: expected an amount above 0, found the number 0"),
        (read_limits, "{spend_per_day: 5€}", "f:1:17: expected an amount above 0, found '5€'"),
        (read_limits, "{spend_per_day: true}", "f:1:17: expected an amount above 0, found true"),
        (read_budget, "{}", "f:1:1: a budget without a bound; give one of per_root, spend_per_root, per_hour, per_day"),
        (read_budget, "{policy: defer}", "f:1:1: a budget without a bound; give one of per_root"),
        (read_budget, "{per_day: 1, policy: deffer}", "f:1:22: there is no policy 'deffer' (did you mean 'defer'?)"),
        (read_quiet_hours, "{from: 23:00, to: 07:00}", "f:1:1: 'tz' is missing"),
        (read_quiet_hours, "{to: 07:00, tz: UTC}", "f:1:1: 'from' is missing"),
        (
            read_quiet_hours,
            "{from: 25:00, to: 07:00, tz: UTC}",
            "f:1:8: expected a time of day such as 23:00, found '25",
        ),
        (
            read_quiet_hours,
            "{from: 2300, to: 07:00, tz: UTC}",
            "f:1:8: expected a time of day such as 23:00, found the",
        ),
        (
            read_quiet_hours,
            "{from: 24:00, to: 07:00, tz: UTC}",
            "f:1:8: expected a time of day such as 23:00, found '24:00'; midnight is 00:00",
        ),
        (
            read_quiet_hours,
            "{from: 00:00, to: 24:00, tz: UTC}",
            "f:1:1: quiet hours that end when they begin would las",
        ),
        (
            read_quiet_hours,
            f"{{{QUIET}, tz: Asia/Bejing}}",
            "f:1:30: there is no time zone 'Asia/Bejing' (did you mean",
        ),
        (
            read_quiet_hours,
            f"{{{QUIET}, tz: 猫}}",
            "f:1:30: there is no time zone '猫'; zones are named like Asia/Shang",
        ),
        (read_quiet_hours, f"{{{QUIET}, tz: ../x}}", "f:1:30: there is no time zone '../x'"),
        (read_quiet_hours, f"{{{QUIET}, tz: Asia}}", "f:1:30: there is no time zone 'Asia'"),
        (read_quiet_hours, f"{{{QUIET}, tz: 8}}", "f:1:30: expected text, found the number 8"),
        (read_attempts, "{backoff: 1s}", "f:1:1: 'max' is missing"),
        (read_attempts, "{max: 11}", "f:1:7: expected a whole number from 1 to 10, found the number 11"),
        (
            read_attempts,
            "{max: 2, backoff: 30}",
            "f:1:19: expected a pause from 1s to 1d, such as 30s, 5m or 2h, found",
        ),
        (read_attempts, "{max: 2, backoff: 2d}", "f:1:19: expected a pause from 1s to 1d"),
        (read_attempts, "{max: 2, backoff: 0s}", "f:1:19: expected a pause from 1s to 1d"),
        (read_attempts, "{max: 2, backoff: 1.5m}", "f:1:19: expected a pause from 1s to 1d"),
        (read_attempts, "{max: 2, backoff: []}", "f:1:19: the list is empty"),
        (read_attempts, f"{{max: 2, backoff: [{', '.join(['1s'] * 11)}]}}", "f:1:19: there may be at most 10 pauses"),
    ],
)
def test_each_mistake_has_its_place(reader: Callable[[Node], Any], text: str, mistake: str) -> None:
    _, mistakes = read(reader, text)
    assert [each[: len(mistake)] for each in mistakes] == [mistake]

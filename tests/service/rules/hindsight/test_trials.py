"""`tests:` of the file: read with all mistakes at once, and compared with what the rules really decide."""

from collections.abc import Mapping
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Config, ConfigError, parse_config, run_trials
from service.rules.hindsight import trials

RULES = """\
limits: {max_depth: 2, spend_per_day: 1}
rules:
  - id: cats-u1
    on: task.succeeded
    match: {action: IMAGINE, prompt: {word: cat}}
    do: [click: U1]
  - id: wide-grid
    on: task.succeeded
    match:
      action: IMAGINE
      params.ar: 16:9
    do: [click: [U1, U2, U3, U4]]
  - id: retry
    on: task.failed
    match: {fail_kind: timeout}
    attempts: {max: 2, backoff: 30s}
    do: [resubmit: {}, tag: {root: again}, notify: {url: "https://example.com/x", text: "{fail_kind}"}]
  - id: night
    on: task.succeeded
    match: {tags: night}
    max_depth: 2
    quiet_hours: {from: 22:00, to: 07:00, tz: Asia/Shanghai, policy: drop}
    do: [submit: {prompt: "{prompt} at night"}]
  - id: shop
    on: chain.settled
    match: {chain.succeeded.UPSCALE: {gte: 2}}
    do: [download: {to: "{root_id}/{index}-{action}.png"}]
  - id: dry
    on: task.cancelled
    dry_run: true
    do: [tag: [gone, done]]
"""


def parse(tests: str, environ: Mapping[str, str] | None = None) -> Config:
    return parse_config(f"{RULES}tests:\n{dedent(tests)}".encode(), file="f.yaml", environ=environ or {})


def failures(tests: str) -> list[str]:
    return [str(failure) for failure in run_trials(parse(tests))]


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        ("{action: IMAGINE, prompt: a red cat}", "{cats-u1: click U1}"),
        ("{prompt: a red cat --ar 16:9}", "{cats-u1: [click U1], wide-grid: [click U1, click U2, click U3, click U4]}"),
        (
            "{prompt: a cat, params: {aspect: 16:9}, buttons: [U1, U2]}",
            "{cats-u1: click, wide-grid: [click U1, click U2, refused click U3, refused]}",
        ),
        ("{prompt: a cat, buttons: []}", "{cats-u1: click U1}"),
        ("{prompt: a dog}", "{}"),
        ("{prompt: a cat, event: task.failed}", "{cats-u1: []}"),
        ("{prompt: a cat, depth: 2}", "{cats-u1: {blocked: depth}}"),
        ("{prompt: a cat, depth: 2}", "{}"),
        ("{prompt: a cat, buttons: [V1]}", "{cats-u1: [blocked: error, refused click U1]}"),
        ("{prompt: a dog, then: [V1, reroll]}", "{then: [click V1, click reroll]}"),
        ("{event: task.failed, fail_kind: timeout}", "{retry: {deferred: backoff}}"),
        (
            "{event: task.failed, fail_kind: timeout}",
            "{retry: [deferred: backoff, resubmit, tag root again, notify timeout]}",
        ),
        ("{event: task.failed, fail_kind: timeout, attempt: 3}", "{retry: 'blocked: attempts'}"),
        ("{event: task.failed}", "{}"),
        ("{prompt: a dog, tags: [night]}", "{night: submit a dog at night}"),
        ("{prompt: a dog, tags: night, at: 2026-11-23T21:59:59+08:00}", "{night: submit}"),
        ("{prompt: a dog, tags: night, at: 2026-11-23T14:00:00Z}", "{night: {blocked: quiet_hours}}"),
        (
            "{event: chain.settled, chain: {succeeded: {UPSCALE: 2}}}",
            "{shop: [download 8000000000000001/1-UPSCALE.png, download 8000000000000001/2-UPSCALE.png]}",
        ),
        ("{event: chain.settled, chain: {succeeded: {UPSCALE: 1}, failed: {UPSCALE: 1}, lost: 1}}", "{}"),
        ("{event: chain.settled}", "{}"),
        ("{event: task.cancelled}", "{dry: [blocked: dry_run, tag gone, tag done]}"),
    ],
)
def test_what_the_rules_decide_is_what_is_expected(given: str, expect: str) -> None:
    assert failures(f"- {{given: {given}, expect: {expect}}}") == []


def test_it_is_never_quiet_where_no_time_is_given() -> None:
    rule = "{id: a, on: task.succeeded, quiet_hours: {from: 00:00, to: 23:59, tz: UTC}, do: [tag: seen]}"
    timed = "{given: {at: 2026-01-01T12:00:00Z}, expect: {a: {deferred: quiet_hours}}}"
    tests = f"[{{given: {{}}, expect: {{a: tag seen}}}}, {timed}]"
    config = parse_config(f"rules: [{rule}]\ntests: {tests}".encode(), file="f", environ={})
    assert run_trials(config) == []


@pytest.mark.parametrize(
    ("given", "expect", "failure"),
    [
        (
            "{prompt: a dog}",
            "{cats-u1: click U1}",
            "cats-u1: expected click U1, found nothing: line 5: prompt word 'cat', found 'a dog'",
        ),
        ("{prompt: a cat}", "{cats-u1: click U2}", "cats-u1: expected click U2, found click U1"),
        ("{prompt: a cat}", "{cats-u1: [click U1, click U2]}", "cats-u1: expected click U1, click U2, found click U1"),
        ("{prompt: a cat}", "{}", "cats-u1: nothing is expected of it, found click U1"),
        (
            "{event: task.cancelled, prompt: a cat}",
            "{cats-u1: click U1}",
            "cats-u1: expected click U1, found nothing: it is on task.succeeded (line 3), and this is task.cancelled",
        ),
        (
            "{prompt: a cat, depth: 2}",
            "{cats-u1: click U1}",
            "cats-u1: expected click U1, found blocked: depth, click U1 (a follow-up would be 3 hops deep;"
            " limits.max_depth is 2)",
        ),
    ],
)
def test_a_failure_says_where_and_what_and_why(given: str, expect: str, failure: str) -> None:
    (told,) = failures(f"- {{given: {given}, expect: {expect}}}")
    place, _, message = told.partition(": ")
    assert message == failure
    assert place.startswith("f.yaml:33:")


def test_a_rule_that_waits_is_expected_to_or_told() -> None:
    (told,) = failures("- {given: {event: task.failed, fail_kind: timeout}, expect: {}}")
    assert "retry: nothing is expected of it, found deferred: backoff" in told


def test_failures_end_where_there_are_too_many_of_them() -> None:
    first, *others = failures("- {given: {prompt: a cat}, expect: {}}\n" * 150)
    assert first == "f.yaml: more than 100 expectations are not met; these are the first"
    assert len(others) == 100
    assert len(failures("- {given: {prompt: a cat}, expect: {}}\n" * 100)) == 100


def test_tests_that_take_too_long_end_with_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST_WORK", 10)
    sound = "- {given: {prompt: a cat}, expect: {cats-u1: click U1}}\n"  # one decision, one action
    assert failures(sound * 5) == []
    (told,) = failures(sound * 9)
    assert told.startswith("f.yaml:38:3: up to here rules decide and act more than")


def test_every_mistake_in_a_test_has_its_place_and_its_remedy() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(
            """\
            - given: {event: task.suceeded, promt: a cat, action: IMAGIN, depth: deep, at: 23:00}
              expect: {cat-u1: click U1}
            - given: {buttons: [U5], then: 1, chain: {succeded: {}}, tags: {}}
            - {given: {event: chain.settled, chain: {failed: {UPSCAL: 1}, lost: many, cost: much}}, expect: []}
            - 7
            """
        )
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "f.yaml:33:18: there is no event 'task.suceeded' (did you mean 'task.succeeded'?)",
        "f.yaml:33:33: unknown key 'promt' (did you mean 'prompt'?)",
        "f.yaml:33:55: there is no action 'IMAGIN' (did you mean 'IMAGINE'?)",
        "f.yaml:33:70: depth cannot be 'deep'",
        "f.yaml:33:80: expected a time with its zone, such as 2026-11-23T23:30:00+08:00, found '23:00'",
        "f.yaml:34:12: there is no rule 'cat-u1' (did you mean 'cats-u1'?)",
        "f.yaml:35:3: 'expect' is missing",
        "f.yaml:35:21: there is no button 'U5' (did you mean 'U4'?)",
        "f.yaml:35:32: expected text, found the number 1",
        "f.yaml:35:42: a chain is looked at when all of it has ended; write event: chain.settled",
        "f.yaml:35:43: unknown key 'succeded' (did you mean 'succeeded'?)",
        "f.yaml:35:64: expected a value, found a mapping",
        "f.yaml:36:51: there is no action 'UPSCAL' (did you mean 'UPSCALE'?)",
        "f.yaml:36:69: expected a whole number from 0 to 1000, found 'many'",
        "f.yaml:36:81: expected a number, found 'much'",
        "f.yaml:36:97: expected a mapping (key: value), found a list",
        "f.yaml:37:3: expected a mapping (key: value), found the number 7",
    ]


_FRAGMENTS = (
    *(
        "- given: ",
        "- {given: {",
        "expect: ",
        "event: ",
        "chain: ",
        "succeeded: ",
        "buttons: ",
        "cats-u1: ",
        "click U1",
    ),
    *("chain.settled", "action: ", "IMAGINE", "depth: ", "at: ", "2026-01-01T00:00:00Z", "99999999999999999999", "~"),
    *("prompt: ", "tags: ", "then: ", "params: ", "id: ", "[", "]", "{", "}", ", ", "\n  ", "猫", "true", "1"),
)


@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=30).map("".join))
def test_hostile_tests_raise_nothing_but_their_mistakes(text: str) -> None:
    try:
        config = parse_config(f"{RULES}tests: {text}\n".encode(), file="f", environ={})
    except ConfigError as error:
        assert error.mistakes
    else:
        run_trials(config)

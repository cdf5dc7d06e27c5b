"""`ringback.yaml` as a whole: all mistakes come at once with their places, and no bytes raise anything else."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.config import Config, ConfigError, load_config, parse_config, run_trials
from service.rules.limits import Limits

EXAMPLE = Path(__file__).parents[2] / "ringback.example.yaml"

BROKEN = """\
limits:
  max_dept: 3
  max_depth: 9
rule: []
rules:
  - id: Cats
    on: task.suceeded
    match:
      action: [IMAGINE, UPSCAL]
      promt: cat
      params.s: {gte: 一百}
    do:
      - click: [U1, U5]
      - clack: U2
    max_depth: many
"""


def complaints(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse_config(data, file="ringback.yaml", environ={})
    return [str(mistake) for mistake in caught.value.mistakes]


def test_every_mistake_is_reported_at_once_with_its_place() -> None:
    assert complaints(BROKEN) == [
        "ringback.yaml:2:3: unknown key 'max_dept' (did you mean 'max_depth'?)",
        "ringback.yaml:3:14: expected a whole number from 1 to 8, found the number 9",
        "ringback.yaml:4:1: unknown key 'rule' (did you mean 'rules'?)",
        "ringback.yaml:6:9: an id is made of a-z, 0-9 and '-', at most 64 of them, found 'Cats'",
        "ringback.yaml:7:9: there is no event 'task.suceeded' (did you mean 'task.succeeded'?)",
        "ringback.yaml:9:25: there is no action 'UPSCAL' (did you mean 'UPSCALE'?)",
        "ringback.yaml:10:7: a task has no field 'promt' (did you mean 'prompt'?)",
        "ringback.yaml:11:23: expected a number, found '一百'",
        "ringback.yaml:13:21: there is no button 'U5' (did you mean 'U4'?)",
        "ringback.yaml:14:9: unknown key 'clack' (did you mean 'click'?)",
        "ringback.yaml:15:16: expected a whole number from 1 to 8, found 'many'",
    ]


def test_sections_that_are_not_known_are_refused() -> None:
    assert complaints("subscribers: []\nlimit: {}\n") == [
        "ringback.yaml:1:1: unknown key 'subscribers' (did you mean 'subscriptions'?)",
        "ringback.yaml:2:1: unknown key 'limit' (did you mean 'limits'?)",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "limits:\nrules:\n", "rules: []\n", "limits: {}\n"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert parse_config(text.encode(), file="f", environ={}) == Config()
    assert Config().limits == Limits(max_depth=4)


def test_limits_reach_the_rulebook() -> None:
    config = parse_config(b"limits: {max_depth: 2}\n", file="f", environ={})
    assert config.limits.max_depth == 2
    assert config.rulebook.limits == config.limits


def test_a_secret_in_a_rule_is_filled_in() -> None:
    text = b"rules:\n- {id: a, on: task.succeeded, match: {action: IMAGINE, state: '${CODE}'}, do: [click: U1]}\n"
    config = parse_config(text, file="f", environ={"CODE": "s3cret"})
    assert "s3cret" not in repr(config)
    with pytest.raises(ConfigError, match=r"f:2:63: \$\{CODE\} is not set in the environment"):
        parse_config(text, file="f", environ={})


def test_the_version_of_a_rule_does_not_follow_its_secrets() -> None:
    text = b"rules:\n- {id: a, on: task.succeeded, match: {action: IMAGINE, state: '${CODE}'}, do: [click: U1]}\n"
    versions = {parse_config(text, file="f", environ={"CODE": code}).rulebook.rules[0].version for code in ("x", "y")}
    assert len(versions) == 1


def test_the_example_loads_and_is_all_there() -> None:
    config = load_config(EXAMPLE, named=True, environ={})
    assert [rule.id for rule in config.rulebook.rules] == [
        *("cats-u1", "wide-grid", "grid-done", "explore", "retry-timeouts"),
        *("zoom-out", "shop", "tiles", "fine-prints"),
    ]
    assert [each.id for each in config.subscriptions] == ["shop", "archive"]


def test_the_example_does_what_it_expects_of_itself() -> None:
    config = load_config(EXAMPLE, named=True, environ={})
    assert len(config.trials) == 9
    assert run_trials(config) == []


def test_a_file_is_tried_with_its_own_rules_and_limits() -> None:
    text = b"""\
limits: {max_depth: 1}
rules:
- {id: a, on: task.succeeded, do: [tag: seen]}
- {id: b, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}
tests:
- given: {depth: 1}
  expect: {a: tag seen, b: click U1}
"""
    config = parse_config(text, file="f", environ={})
    (failure,) = run_trials(config)
    assert str(failure).startswith("f:7:25: b: expected click U1, found blocked: depth")


def test_nothing_but_mistakes_is_not_read_to_its_end() -> None:
    first, *others = complaints("".join(f"key{number}: 1\n" for number in range(10_000)))
    assert first == "ringback.yaml: there are more than 100 mistakes; these are the first that were found"
    assert others[-1] == "ringback.yaml:100:1: unknown key 'key99'"
    assert len(complaints("".join(f"key{number}: 1\n" for number in range(100)))) == 100


def test_a_missing_file_is_a_mistake_only_when_it_was_named(tmp_path: Path) -> None:
    path = tmp_path / "ringback.yaml"
    assert load_config(path, named=False, environ={}) == Config()
    with pytest.raises(ConfigError) as caught:
        load_config(path, named=True, environ={})
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{path}: there is no such file"]


def test_what_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, named=False, environ={})


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        load_config(path, named=True, environ={})


_FRAGMENTS = (
    *("rules: ", "limits: ", "\n  - ", "\n    ", "id: a", "on: task.succeeded", "match: ", "do: ", "click: ", "U1"),
    *("any: ", "not: ", "max_depth: ", "progress: ", "tags: ", "gte: ", "exists: ", "猫", "${X}", "1", "true", "~"),
    *("[", "]", "{", "}", ", ", ": ", "'", '"', "&a ", "*a", "!t ", "? ", "#", "---\n", "|\n", "\t"),
)
_fragments = st.lists(st.sampled_from(_FRAGMENTS), max_size=30).map("".join)


@given(_fragments | st.text(max_size=60) | st.binary(max_size=60))
@settings(deadline=None)  # the clock of a busy machine proves nothing
def test_hostile_files_raise_nothing_but_their_mistakes(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    try:
        parse_config(data, file="f", environ={})
    except ConfigError as error:
        assert error.mistakes
        assert str(error) == "\n".join(map(str, error.mistakes))


@given(st.integers(0, len(BROKEN)), st.sampled_from(["", "\t", "{", "]", ":", "- ", "&a ", "\n", "猫", "'"]))
@settings(deadline=None)  # the clock of a busy machine proves nothing
def test_a_broken_real_file_raises_nothing_but_its_mistakes(place: int, junk: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")[:4000]
    try:
        parse_config((text[:place] + junk + text[place:]).encode(), file="f", environ={})
    except ConfigError as error:
        assert error.mistakes


def test_gateways_and_groups_of_them() -> None:
    text = """
    gateways:
      - {name: spare, preset: deerapi, key: "${SPARE}"}
    groups:
      any: [fuhuapi, spare]
    """
    environ = {"SPARE": "sk-0123456789", "RINGBACK_GATEWAY": "fuhuapi"}
    config = parse_config(dedent(text).encode(), file="f", environ=environ)
    assert [(gateway.name, gateway.key) for gateway in config.gateways] == [("spare", "sk-0123456789")]
    assert config.groups == {"any": ("fuhuapi", "spare")}
    with pytest.raises(ConfigError, match="f:5:9: there is no gateway 'fuhuapi'"):
        parse_config(dedent(text).encode(), file="f", environ={"SPARE": "sk-0123456789"})

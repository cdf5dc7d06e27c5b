"""The schema of `ringback.yaml` takes what the service takes, and is the one that editors are given."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from service.cli.schema import make_schema
from service.config import parse_config
from service.rules.fields import FIELDS
from service.written.document import Document

ROOT = Path(__file__).parents[3]
GUIDES = ("rules.md", "rules.zh-CN.md", "gateways.md", "operate.md")
BLOCKS = [
    pytest.param(block, id=f"{guide}-{number}")
    for guide in GUIDES
    for number, block in enumerate(
        re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / guide).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
    if re.match(r"(?:#.*\n|\n)*(?:limits|rules|gateways|groups|subscriptions|tests):", block)
]
SECRETS = {name: f"https://example.com/{name}" for name in ("SHOP_URL", "FEISHU_URL", "SLACK_URL")}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(make_schema())


def find_mistakes(validator: Draft202012Validator, text: str) -> list[str]:
    document = Document(text.encode(), file="f", environ={})
    assert document.root is not None, document.source.mistakes
    return [error.json_path for error in validator.iter_errors(document.root.plain())]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(make_schema())


def test_the_file_beside_the_example_is_this_schema() -> None:
    written = (ROOT / "ringback.schema.json").read_text("utf-8")
    assert json.loads(written) == msgspec.to_builtins(make_schema()), "ringback rules schema > ringback.schema.json"


def test_the_example_is_valid_and_names_its_schema(validator: Draft202012Validator) -> None:
    text = (ROOT / "ringback.example.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=ringback.schema.json\n")
    assert find_mistakes(validator, text) == []


@pytest.mark.parametrize("text", BLOCKS)
def test_what_the_guides_show_is_valid_and_is_read(validator: Draft202012Validator, text: str) -> None:
    assert find_mistakes(validator, text) == []
    names = re.findall(r"\$\{([A-Z_]+)\}", text)
    parse_config(text.encode(), file="f", environ=dict.fromkeys(names, "key") | SECRETS)


def test_every_field_is_explained() -> None:
    match = make_schema()["$defs"]["match"]["properties"]
    assert {name for name, schema in match.items() if schema.get("description")} >= set(FIELDS)


TO_SHOP = "url: 'https://shop.example', events: [task.*, chain.settled]"
RULE = "id: a, on: task.succeeded, do: [click: U1]"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("rule: []", "$"),
        ("limits: {max_depth: 9}", "$.limits.max_depth"),
        ("limits: {per_root: 1}", "$.limits"),
        ("limits: {quiet_hours: {from: 25:00, to: 07:00, tz: UTC}}", "$.limits.quiet_hours.from"),
        ("rules: {}", "$.rules"),
        ("rules: [{id: a, on: task.succeeded}]", "$.rules[0]"),
        ("rules: [{id: then, on: task.succeeded, do: [click: U1]}]", "$.rules[0].id"),
        ("rules: [{id: a, on: task.succeed, do: [click: U1]}]", "$.rules[0].on"),
        ("rules: [{id: a, on: task.succeeded, do: []}]", "$.rules[0].do"),
        ("rules: [{id: a, on: task.succeeded, do: [clik: U1]}]", "$.rules[0].do[0]"),
        ("rules: [{id: a, on: task.succeeded, do: [{click: U1, tag: x}]}]", "$.rules[0].do[0]"),
        ("rules: [{id: a, on: task.succeeded, do: [submit: {tags: [x]}]}]", "$.rules[0].do[0].submit"),
        ("rules: [{id: a, on: task.succeeded, do: [notify: {text: x}]}]", "$.rules[0].do[0].notify"),
        ("rules: [{id: a, on: task.failed, do: [resubmit: {max: 2}]}]", "$.rules[0].do[0].resubmit"),
        (f"rules: [{{{RULE}, match: {{promt: x}}}}]", "$.rules[0].match"),
        (f"rules: [{{{RULE}, match: {{action: imagine}}}}]", "$.rules[0].match.action"),
        (f"rules: [{{{RULE}, match: {{prompt: {{contain: x}}}}}}]", "$.rules[0].match.prompt"),
        (f"rules: [{{{RULE}, match: {{progress: {{contains: 5}}}}}}]", "$.rules[0].match.progress"),
        (f"rules: [{{{RULE}, match: {{any: []}}}}]", "$.rules[0].match.any"),
        (f"rules: [{{{RULE}, budget: {{policy: drop}}}}]", "$.rules[0].budget"),
        (f"rules: [{{{RULE}, attempts: {{max: 2, backoff: 30}}}}]", "$.rules[0].attempts.backoff"),
        (f"rules: [{{{RULE}, dry_run: maybe}}]", "$.rules[0].dry_run"),
        ("subscriptions: [{id: a, url: u}]", "$.subscriptions[0]"),
        (f"subscriptions: [{{{TO_SHOP}, id: secret}}]", "$.subscriptions[0].id"),
        (f"subscriptions: [{{{TO_SHOP}, id: a, match: {{promt: x}}}}]", "$.subscriptions[0].match"),
        (f"subscriptions: [{{{TO_SHOP}, id: a, secret: whsec_x}}]", "$.subscriptions[0].secret"),
        (f"subscriptions: [{{{TO_SHOP}, id: a, rate: 0}}]", "$.subscriptions[0].rate"),
        ("subscriptions: [{id: a, url: u, events: [task.suceeded]}]", "$.subscriptions[0].events"),
        ("tests: [{given: {action: IMAGINE}}]", "$.tests[0]"),
        ("tests: [{given: {acton: IMAGINE}, expect: {}}]", "$.tests[0].given"),
        ("gateways: [{name: x, preset: fuhu, key: k}]", "$.gateways[0].preset"),
        ("gateways: [{name: x, preset: fuhuapi, key: k, prices: {IMAGIN: 1}}]", "$.gateways[0].prices"),
        ("groups: {x: []}", "$.groups.x"),
    ],
)
def test_a_mistaken_file_is_underlined_where_it_is_wrong(validator: Draft202012Validator, text: str, path: str) -> None:
    assert find_mistakes(validator, text) == [path]

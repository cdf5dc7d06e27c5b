"""Settings and `ringback.yaml`, read together."""

import pytest

from hooks.blanker import SHORTEST_SECRET
from service.deployment import gather_gateways, load_deployment, warn_of_short_keys
from service.written.mistakes import MistakesFound

GATEWAY = {"RINGBACK_GATEWAY": "deerapi", "RINGBACK_GATEWAY_KEY": "sk-1"}
RULE = b"rules: [{id: cats, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}]"


def complaints(directory, **environ):
    with pytest.raises(MistakesFound) as caught:
        load_deployment(environ, directory)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


def test_the_settings_and_the_file_that_they_name(tmp_path):
    (tmp_path / "other.yaml").write_bytes(RULE)
    settings, config = load_deployment(GATEWAY | {"RINGBACK_CONFIG": "other.yaml"}, tmp_path)
    assert settings.require_gateway().name == "deerapi"
    assert [rule.id for rule in config.rulebook.rules] == ["cats"]


def test_the_mistakes_of_the_environment_and_of_both_files_come_at_once(tmp_path):
    (tmp_path / ".env").write_text("RINGBACK_GATEWAY=dearapi\nRINGBACK_GATEWAY_KEY=sk-1\n")
    (tmp_path / "ringback.yaml").write_text("limits: {max_depth: 99}\nrules: [{id: cats, on: task.succeded}]\n")
    found = complaints(tmp_path, PORT="http")
    assert [line.partition(": ")[0] for line in found] == [
        ".env:1:1", "ringback.yaml:1:21", "ringback.yaml:2:9", "ringback.yaml:2:24", "environment",
    ]  # fmt: skip


def test_a_file_that_is_named_and_not_there_is_told_beside_a_missing_gateway(tmp_path):
    missing, gateway = sorted(complaints(tmp_path, RINGBACK_CONFIG="nowhere.yaml"), reverse=True)
    assert missing == "nowhere.yaml: there is no such file; RINGBACK_CONFIG names it"
    assert gateway.startswith("environment: RINGBACK_GATEWAY: not set.")


def test_a_gateway_with_a_mistake_is_not_said_to_be_missing(tmp_path):
    assert len(complaints(tmp_path, RINGBACK_GATEWAY="dearapi", RINGBACK_GATEWAY_KEY="sk-1")) == 1


def test_a_gateway_in_a_file_with_a_mistake_is_not_said_to_be_missing(tmp_path):
    gateways = "gateways: [{name: main, preset: deerapi, key: sk-0123456789}]\n"
    (tmp_path / "ringback.yaml").write_text(gateways + "rules: [{id: cats, on: task.succeded}]\n")
    assert [line.partition(": ")[0] for line in complaints(tmp_path)] == ["ringback.yaml:2:9", "ringback.yaml:2:24"]


@pytest.mark.parametrize(
    ("database", "says"),
    [
        (".", "is a folder; name a file in it, such as"),
        ("none/ringback.db", "there is no folder none; make it"),
        ("x" * 300, "cannot be used: File name too long"),
    ],
)
def test_a_place_where_no_ledger_can_be_names_its_setting(tmp_path, database, says):
    (complaint,) = complaints(tmp_path, RINGBACK_DATABASE=database, **GATEWAY)
    assert complaint.startswith("environment: RINGBACK_DATABASE: ") and says in complaint
    (tmp_path / ".env").write_text(f"\nRINGBACK_DATABASE={database}\n")
    (complaint,) = complaints(tmp_path, **GATEWAY)
    assert complaint.startswith(".env:2:1: RINGBACK_DATABASE: ")


def test_a_depth_that_is_too_great_is_one_mistake_and_no_loop(tmp_path):
    rule = RULE.decode().replace("match: {action: IMAGINE}", "match: {}, max_depth: 99").replace("U1", "V1")
    (tmp_path / "ringback.yaml").write_text(rule)
    (complaint,) = complaints(tmp_path, **GATEWAY)
    assert "max_depth" not in complaint and "99" in complaint


def test_gateways_of_the_file_are_enough(tmp_path):
    (tmp_path / "ringback.yaml").write_text("gateways: [{name: main, preset: deerapi, key: sk-0123456789}]\n")
    settings, config = load_deployment({}, tmp_path)
    assert settings.gateway is None
    assert [gateway.name for gateway in config.gateways] == ["main"]


def test_two_gateways_of_one_name_are_a_mistake(tmp_path):
    (tmp_path / "ringback.yaml").write_text("gateways: [{name: deerapi, preset: fuhuapi, key: sk-0123456789}]\n")
    assert complaints(tmp_path, **GATEWAY) == [
        "ringback.yaml: gateways: 'deerapi' is the name of the one in RINGBACK_GATEWAY; give yours another name"
    ]


def test_a_gateways_key_that_is_too_short_to_be_blanked_is_warned_of(tmp_path):
    (tmp_path / "ringback.yaml").write_text("gateways: [{name: spare, preset: fuhuapi, key: sk-leak}]\n")
    environ = {"RINGBACK_GATEWAY": "deerapi", "RINGBACK_GATEWAY_KEY": "x" * SHORTEST_SECRET}
    (warning,) = warn_of_short_keys(gather_gateways(*load_deployment(environ, tmp_path)).gateways)
    assert warning.startswith("The key of gateway spare has fewer than 8 characters")
    assert "sk-leak" not in warning


def test_a_file_whose_tests_fail_cannot_be_used(tmp_path):
    test = b"\ntests: [{given: {event: task.succeeded, action: IMAGINE}, expect: {cats: [click U4]}}]\n"
    (tmp_path / "ringback.yaml").write_bytes(RULE + test)
    (complaint,) = complaints(tmp_path, **GATEWAY)
    assert complaint.startswith("ringback.yaml:2:") and "expected click U4, found click U1" in complaint
    (tmp_path / "ringback.yaml").write_bytes(RULE + test.replace(b"U4", b"U1"))
    load_deployment(GATEWAY, tmp_path)


def test_a_dry_run_makes_every_rule_dry_after_its_tests_have_run(tmp_path):
    test = b"\ntests: [{given: {event: task.succeeded, action: IMAGINE}, expect: {cats: [click U1]}}]\n"
    (tmp_path / "ringback.yaml").write_bytes(RULE + test)
    (_, live), (_, dry) = load_deployment(GATEWAY, tmp_path), load_deployment(GATEWAY, tmp_path, dry_run=True)
    assert [rule.dry_run for rule in live.rulebook.rules] == [False]
    assert [rule.dry_run for rule in dry.rulebook.rules] == [True]


def test_the_gateway_of_the_environment_comes_first(tmp_path):
    (tmp_path / "ringback.yaml").write_text(
        "gateways: [{name: spare, preset: fuhuapi, key: sk-0123456789}]\ngroups: {any: [spare, deerapi]}\n"
    )
    roster = gather_gateways(*load_deployment(GATEWAY, tmp_path))
    assert [gateway.name for gateway in roster.gateways] == ["deerapi", "spare"]
    assert roster.groups == {"any": ("spare", "deerapi")}

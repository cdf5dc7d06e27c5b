import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.prompts import PARAM_ALIASES, parse_params


@pytest.mark.parametrize(
    ("prompt", "params"),
    [
        (None, {}),
        ("", {}),
        ("a red cat", {}),
        ("a red cat --ar 16:9", {"ar": "16:9"}),
        ("a red cat --tile --ar 16:9", {"tile": True, "ar": "16:9"}),
        ("一只红色的猫 --ar 16:9 --niji 6", {"ar": "16:9", "niji": "6"}),
        (
            "cat --v 6.1 --sref https://a.example/1.png https://a.example/2.png --tile",
            {"v": "6.1", "sref": "https://a.example/1.png https://a.example/2.png", "tile": True},
        ),
        ("a cat\n--AR\t3:2", {"ar": "3:2"}),
        ("a cat --tile, --ar 1:1", {"tile": True, "ar": "1:1"}),
        ("a cat --seed -5", {"seed": "-5"}),
    ],
)
def test_parameters_are_read_from_the_prompt(prompt, params):
    assert parse_params(prompt) == params


@pytest.mark.parametrize("dashes", ["--", "—", "–", "––", "——"])
def test_a_dash_of_a_word_processor_opens_a_parameter_too(dashes):
    assert parse_params(f"a cat {dashes}ar 16:9") == {"ar": "16:9"}


@pytest.mark.parametrize("text", ["well-known", "a - b", "a -ar 16:9", "a -- b", "a — b", "cat--ar 16:9", "--16:9"])
def test_dashes_inside_the_text_open_nothing(text):
    assert parse_params(text) == {}


@pytest.mark.parametrize(("long", "short"), PARAM_ALIASES.items())
def test_a_long_name_is_found_under_its_short_one(long, short):
    assert parse_params(f"a cat --{long} 5") == {short: "5"}


def test_no_short_name_is_itself_an_alias():
    assert not PARAM_ALIASES.keys() & set(PARAM_ALIASES.values())


def test_the_last_of_a_repeated_parameter_counts():
    assert parse_params("cat --ar 1:1 --aspect 16:9") == {"ar": "16:9"}


def test_what_to_leave_out_is_collected():
    assert parse_params("cat --no dogs, birds --ar 1:1 --no fish") == {"no": "dogs, birds, fish", "ar": "1:1"}
    assert parse_params("cat --no dogs --no") == {"no": "dogs"}
    assert parse_params("cat --no --no dogs") == {"no": "dogs"}
    assert parse_params("cat --no") == {"no": True}


@given(st.text(st.sampled_from("-—–a Zé9:\0\u202e\u200f\ud800,\n画"), max_size=300))
def test_a_hostile_prompt_never_fails(prompt):
    for name, value in parse_params(prompt).items():
        assert name == name.lower() and not name.startswith("-")
        assert value is True or value


@pytest.mark.parametrize("piece", ["--", "--a ", "— ", "-", "--no x ", "\0--a\u202e "])
def test_a_long_prompt_takes_no_noticeable_time(piece):
    prompt = (piece * 100_000)[:100_000]
    begun = time.perf_counter()
    parse_params(prompt)
    assert time.perf_counter() - begun < 1

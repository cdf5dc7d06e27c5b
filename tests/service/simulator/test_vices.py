import math

import pytest

from service.simulator.vices import VICES, UnknownVice, Vices, read_vice


@pytest.mark.parametrize(
    ("text", "vice"),
    [
        ("drop=0.3", ("drop", 0.3)),
        ("strip-hook", ("strip_hook", 1.0)),
        (" lag = 2.5 ", ("lag", 2.5)),
        ("skew=-3600", ("skew", -3600.0)),
        ("echo_hook=off", ("echo_hook", 0.0)),
        ("answer_after_callback", ("answer_after_callback", 1.0)),
        ("answer_after_callback=all", ("answer_after_callback", math.inf)),
    ],
)
def test_a_vice_is_read_with_its_number(text: str, vice: tuple[str, float]) -> None:
    assert read_vice(text) == vice


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("dorp=1", "did you mean drop"),
        ("never-anser", "did you mean never_answer"),
        ("xyzzy", "there are: drop, "),
        ("drop=1.5", "from 0 to 1"),
        ("drop=-0.1", "from 0 to 1"),
        ("drop=nan", "from 0 to 1"),
        ("drop=often", "'often'"),
        ("lag", "such as lag=2"),
        ("skew", "such as skew=2"),
        ("skew=inf", "a number of seconds"),
        ("lag=-1", "not negative"),
        ("delay=inf", "not negative"),
    ],
)
def test_a_mistake_is_answered_with_advice(text: str, advice: str) -> None:
    with pytest.raises(UnknownVice, match=advice):
        read_vice(text)


def test_numbers_given_in_code_are_checked_too() -> None:
    with pytest.raises(UnknownVice, match="did you mean drop"):
        Vices(seed=1, numbers={"dropp": 1.0})
    with pytest.raises(UnknownVice, match="from 0 to 1"):
        Vices(seed=1, numbers={"drop": 2.0})


def fates(seed: int, name: str = "drop", chance: float = 0.3) -> list[bool]:
    vices = Vices(seed=seed, numbers={name: chance})
    return [vices.happens(name, ordinal, step) for ordinal in range(100) for step in range(10)]


def test_the_same_seed_has_the_same_fate_in_any_order() -> None:
    vices = Vices(seed=7, numbers={"drop": 0.3})
    backwards = [vices.happens("drop", o, s) for o in reversed(range(100)) for s in reversed(range(10))]
    assert backwards[::-1] == fates(7)


def test_seeds_and_vices_have_fates_of_their_own() -> None:
    assert fates(1) != fates(2)
    assert fates(1, "drop") != fates(1, "duplicate")


def test_a_chance_is_about_as_frequent_as_it_says() -> None:
    assert 250 < sum(fates(3)) < 350
    assert not any(fates(3, chance=0.0))
    assert all(fates(3, chance=1.0))


def test_every_vice_is_off_unless_given_but_the_echo() -> None:
    vices = Vices(seed=1, numbers={})
    assert [name for name in VICES if vices.number(name)] == ["echo_hook"]
    assert vices.active() == {}
    assert Vices(seed=1, numbers={"answer_after_callback": math.inf}).active() == {"answer_after_callback": "all"}
    assert Vices(seed=1, numbers={"drop": 0.5, "echo_hook": 0.0}).active() == {"drop": 0.5, "echo_hook": 0.0}

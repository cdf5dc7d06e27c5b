"""Scalars of any size: what is too long to mean a number is none, and is not searched for one."""

import pytest

from hooks.scalars import LONGEST_PERCENT, percent_of, time_of, whole_of

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "1." + "0" * MEGABYTE + "%",  # a percentage by its shape
        "1" * MEGABYTE,
        "%" * MEGABYTE,
        " " * MEGABYTE + "x",
        "1" + " " * MEGABYTE + "x",
        "-" * MEGABYTE,
    ],
)
def test_a_megabyte_is_no_number(text):
    assert (percent_of(text), whole_of(text), time_of(text)) == (None, None, None)


def test_a_percentage_is_as_long_as_that_and_no_longer():
    longest = "31." + "0" * (LONGEST_PERCENT - 4) + "%"
    assert len(longest) == LONGEST_PERCENT
    assert percent_of(f"  {longest}\n") == 31
    assert percent_of(longest.replace(".", ".0")) is None

"""What begins with `--` in a prompt: Midjourney's, or a slip."""

import click
import pytest
from click.testing import CliRunner

from hooks.prompts import PARAMETERS
from service.cli.prompts import PromptCommand


@click.command("verb", cls=PromptCommand)
@click.argument("prompt", nargs=-1, type=click.UNPROCESSED)
@click.option("--then", multiple=True)
@click.option("--tag", multiple=True)
@click.option("--state")
@click.option("--wait/--no-wait")
def verb(prompt, **_):
    click.echo("|".join(prompt))


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        (["--thn", "U1"], "there is no option --thn; did you mean --then?"),
        (["--thn=U1"], "there is no option --thn; did you mean --then?"),
        (["--tags", "a"], "there is no option --tags; did you mean --tag?"),
        (["--tga", "a"], "there is no option --tga; did you mean --tag?"),
        (["--no-wiat"], "there is no option --no-wiat; did you mean --no-wait?"),
        (["--hlep"], "there is no option --hlep; did you mean --help?"),
    ],
)
def test_a_slip_of_our_own_options_is_no_part_of_a_paid_prompt(slip, meant):
    result = CliRunner().invoke(verb, ["a", "fox", *slip])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{meant} (to keep it in the prompt, put -- before the prompt)" in result.stderr


def test_every_slip_is_told_at_once():
    result = CliRunner().invoke(verb, ["fox", "--thn", "U1", "--tags", "a"])
    assert "--then?; there is no option --tags" in result.stderr


def test_what_stands_after_two_dashes_is_the_prompt_as_it_is():
    result = CliRunner().invoke(verb, ["--tag", "a", "--", "a", "fox", "--thn", "U1"])
    assert result.stdout == "a|fox|--thn|U1\n"


@pytest.mark.parametrize("words", [["--newparam", "3"], ["a fox --thn U1"], ["--thn is a word"], ["a--thn"]])
def test_what_is_no_slip_belongs_to_the_prompt(words):
    result = CliRunner().invoke(verb, ["fox", *words])
    assert (result.exit_code, result.stdout) == (0, f"{'|'.join(['fox', *words])}\n")


@pytest.mark.parametrize("parameter", sorted(PARAMETERS))
def test_every_parameter_of_midjourneys_passes(parameter):
    assert CliRunner().invoke(verb, ["fox", f"--{parameter}", "1"]).stdout == f"fox|--{parameter}|1\n"

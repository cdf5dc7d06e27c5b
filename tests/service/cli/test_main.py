"""The `ringback` command."""

from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from service.cli.main import VERBS, main


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_and_explains_itself(verb):
    assert isinstance(import_module(f"service.cli.{verb.replace('-', '_')}").command, click.Command)
    outcome = CliRunner().invoke(main, [verb, "--help"])
    assert (outcome.exit_code, outcome.output.startswith("Usage: main " + verb)) == (0, True)


def test_ctrl_c_ends_a_verb_with_130_and_without_a_word(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("service.cli.tasks.connect", interrupted)
    outcome = CliRunner().invoke(main, ["tasks"])
    assert (outcome.exit_code, outcome.output) == (130, "")

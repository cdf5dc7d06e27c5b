"""`ringback rules check`, `test` and `schema`: what can be asked of a file without a server."""

import os
from pathlib import Path
from typing import Final

import click

from service.cli.schema import format_schema
from service.config import Config, ConfigError, load_config, run_trials
from service.rules.foresight.worst_case import tell_worst_cases
from service.rules.wording import count
from service.written.environment import read_environment

FILE: Final = "ringback.yaml"  # in the folder where one is, where no other is named

file_argument = click.argument("file", type=click.Path(path_type=Path), default=FILE)


@click.command("check")
@file_argument
@click.pass_context
def check(context: click.Context, file: Path) -> None:
    """Say whether FILE (ringback.yaml by default) can be used: every mistake with its place, or what its rules do.

    Its `tests:` run, too. The exit status is 0 when all is well, 1 when a test fails, 2 when there is a mistake.
    """
    config = _load(context, file)
    rules = config.rulebook.rules
    click.echo(f"ok: {count(len(rules), 'rule')}")
    if config.subscriptions:
        click.echo(f"ok: {count(len(config.subscriptions), 'subscription')}")
    for line in tell_worst_cases(config.rulebook):
        click.echo(line)
    _run(context, config)


@click.command("test")
@file_argument
@click.pass_context
def test(context: click.Context, file: Path) -> None:
    """Run the `tests:` of FILE, ringback.yaml by default.

    The exit status is 0 when all pass, 1 when one fails, 2 when there is a mistake in the file.
    """
    config = _load(context, file)
    if not config.trials:
        click.echo(f"There are no tests in {file}; docs/rules.md shows how to write some.", err=True)
    _run(context, config)


@click.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of ringback.yaml, by which editors complete and explain it."""
    click.echo(format_schema().encode(), nl=False)


def _load(context: click.Context, file: Path) -> Config:
    try:
        return load_config(file, named=True, environ=read_environment(os.environ, Path()).values)
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(str(mistake))
        context.exit(2)


def _run(context: click.Context, config: Config) -> None:
    if failures := run_trials(config):
        for failure in failures:
            click.echo(str(failure))
        click.echo(f"{count(len(failures), 'failure')} in {count(len(config.trials), 'test')}", err=True)
        context.exit(1)
    if config.trials:
        click.echo(f"ok: {count(len(config.trials), 'test')}")

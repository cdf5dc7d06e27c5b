"""`ringback rules` — what can be asked of rules without a server."""

import os
from pathlib import Path

import click

from service.config import ConfigError, load_config
from service.rules.rulebook import Rule
from service.written.environment import read_environment


@click.group("rules")
def command() -> None:
    """Look at the rules of a configuration file."""


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def check(context: click.Context, file: Path) -> None:
    """Say whether FILE can be used: every mistake with its place, or every rule with its worst case."""
    try:
        config = load_config(file, named=True, environ=read_environment(os.environ, Path()).values)
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(str(mistake))
        context.exit(2)
    rules = config.rulebook.rules
    click.echo(f"ok: {_count(len(rules), 'rule')}")
    for rule in rules:
        click.echo(f"{rule.id}: {_describe(rule)}")


def _describe(rule: Rule) -> str:
    bound = "" if rule.max_depth is None else f", at most {_count(rule.max_depth, 'hop')} deep"
    clicks = ", ".join(rule.clicks)
    return f"on {rule.on}, click {clicks}: up to {_count(rule.follow_ups_per_task, 'follow-up')} per task{bound}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

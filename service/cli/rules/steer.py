"""`ringback rules pause` and `resume`: one rule stops, and goes on."""

from urllib.parse import quote

import click

from service.cli.client import connect
from service.cli.screen import plain, print_json


@click.command("pause")
@click.argument("rule")
@click.option("--why", metavar="TEXT", help="For whoever wonders later.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_context
def pause(context: click.Context, rule: str, why: str | None, as_json: bool) -> None:
    """Stop RULE: what it would do is kept as a blocked firing."""
    state = connect(context).post(rule_path(rule, "pause"), {"origin": "cli", "detail": why})
    if as_json:
        print_json(state)
    else:
        click.echo(f"{plain(rule)} is paused since {state['since']}. To go on: ringback rules resume {plain(rule)}")


@click.command("resume")
@click.argument("rule")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_context
def resume(context: click.Context, rule: str, as_json: bool) -> None:
    """Let RULE fire again. What was blocked meanwhile stays so; `ringback rules apply` turns it."""
    state = connect(context).post(rule_path(rule, "resume"), {})
    if as_json:
        print_json(state)
    else:
        click.echo(f"{plain(rule)} fires again.")


def rule_path(rule: str, *more: str) -> str:
    """The path of a rule, or of something of it, whatever was typed as its id."""
    return "/".join(("/v1/rules", quote(rule.encode(errors="surrogateescape"), safe=""), *more))

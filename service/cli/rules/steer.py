"""`ringback rules pause` and `resume`: one rule stops, and goes on."""

from urllib.parse import quote

import click

from service.cli.client import connect
from service.cli.screen import plain, print_json
from service.rules.wording import count
from storage.records import JSON


@click.command("pause")
@click.argument("rule")
@click.option("--why", metavar="TEXT", help="For whoever wonders later.")
@click.option("--drop", is_flag=True, help="Take back what it has decided: follow-ups not sent yet, firings that wait.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_context
def pause(context: click.Context, rule: str, why: str | None, drop: bool, as_json: bool) -> None:
    """Stop RULE: what it would do from now on is kept as a blocked firing. `then` stops every task's own list.

    What it has opened before is still sent, unless it is dropped.
    """
    state = connect(context).post(rule_path(rule, "pause"), {"origin": "cli", "detail": why, "drop": drop})
    if as_json:
        print_json(state)
        return
    click.echo(tell_pause(state) if state["changed"] else f"{tell_pause(state)} It was so before.")
    if drop:
        dropped = state["dropped"]
        taken = f"{count(dropped['tasks'], 'follow-up')} and {count(dropped['firings'], 'waiting firing')}"
        click.echo(f"Taken back: {taken}.")
    elif told := tell_outstanding(state["waiting"]):
        click.echo(f"But {told}; to take that back: ringback rules pause {plain(rule)} --drop")
    click.echo(f"To go on: ringback rules resume {plain(rule)}")


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
        click.echo(f"{plain(rule)} fires again." if state["changed"] else f"{plain(rule)} was not paused.")


def tell_pause(pause: JSON) -> str:
    """Since when, by whom and why a rule is paused: a sentence."""
    who = "its fuse" if pause["origin"] == "fuse" else f"the {plain(pause['origin'])}"
    why = f": {plain(pause['detail'])}" if pause["detail"] else ""
    return f"{plain(pause['scope'])} is paused since {pause['since']} by {who}{why}."


def tell_outstanding(outstanding: JSON) -> str | None:
    """What a rule has decided and what is not done yet: half a sentence; None without any."""
    tasks, firings = outstanding["tasks"], outstanding["firings"]
    told = [f"{count(tasks, 'follow-up')} of it still to be sent"] if tasks else []
    told += [f"{count(firings, 'firing')} of it waiting"] if firings else []
    return f"there {'is' if tasks + firings == 1 else 'are'} {' and '.join(told)}" if told else None


def rule_path(rule: str, *more: str) -> str:
    """The path of a rule, or of something of it, whatever was typed as its id."""
    return "/".join(("/v1/rules", quote(rule.encode(errors="surrogateescape"), safe=""), *more))

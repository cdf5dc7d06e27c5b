"""`ringback rules list`: the rules in force, what they did lately, and what stands still."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click
from rich.table import Table
from rich.text import Text

from service.cli.client import connect
from service.cli.rules.steer import tell_outstanding, tell_pause
from service.cli.screen import plain, print_json, print_table
from service.cli.tasks import tell_age
from service.rules.foresight.worst_case import BESIDE, OPENS_NOTHING
from service.rules.rulebook import THEN
from storage.records import JSON


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def list_rules(context: click.Context, as_json: bool) -> None:
    """List the rules in force: what each did in the last 24 hours, what waits, and why one is paused.

    `then` (tasks' own lists) and rules that are not in the file any more stand below them, where there is something
    to say. The exit status is 1 when a newer file was refused.
    """
    page = connect(context).get("/v1/rules")
    if as_json:
        for rule in (*page["rules"], *page["others"]):
            print_json(rule)
    elif page["rules"] or page["others"]:
        print_table(_draw([*page["rules"], *page["others"]], now=datetime.now(UTC)))
        for line in _tell_more(page["rules"], page["others"]):
            click.echo(plain(line))
    else:
        click.echo("No rule is in force.", err=True)
    if page["paused"]:
        click.echo("Everything is paused: nothing is submitted. To go on: ringback resume", err=True)
    file = page["file"]
    if file["refused_at"]:
        click.echo(f"A newer file was refused; the rules of {file['loaded_at']} go on:", err=True)
        for mistake in file["mistakes"]:
            click.echo(plain(tell_mistake(mistake)), err=True)
        context.exit(1)


def tell_mistake(mistake: JSON) -> str:
    """A mistake as `ringback rules check` prints it."""
    place = "" if mistake["line"] is None else f":{mistake['line']}:{mistake['column']}"
    return f"{mistake['file']}{place}: {mistake['message']}"


def _draw(rules: Sequence[JSON], *, now: datetime) -> Table:
    """A line for each rule; what takes more room is told below."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("RULE", overflow="fold", min_width=8)
    table.add_column("ON", no_wrap=True)
    table.add_column("STATE", no_wrap=True, min_width=6)
    for name in ("FIRED", "BLOCKED", "WAIT", "UNSENT"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("LAST", justify="right", no_wrap=True, min_width=4)
    for rule in rules:
        state, lately, outstanding = _state_of(rule), rule["last_24h"], rule["outstanding"]
        last = rule["last_fired_at"]
        table.add_row(
            Text(plain(rule["id"])),
            plain(rule.get("on")),
            Text(state, "green" if state == "live" else "yellow"),
            str(lately["fired"]),
            str(sum(lately["blocked"].values())),
            str(outstanding["firings"]),
            str(outstanding["tasks"]),
            "" if last is None else tell_age(now - datetime.fromisoformat(last)),
        )
    return table


def _state_of(rule: JSON) -> str:
    if rule["paused"]:
        return "paused"
    if "on" not in rule and rule["id"] != THEN:
        return "gone"
    return "dry" if rule.get("dry_run") else "live"


def _tell_more(rules: Sequence[JSON], others: Sequence[JSON]) -> Iterator[str]:
    """What each comes to at most, why one is paused, and what is left of those that are gone."""
    opening = [rule for rule in rules if rule["worst_case"] != OPENS_NOTHING]
    if opening:
        yield ""
        for rule in opening:
            yield f"{rule['id']}: {rule['worst_case']}"
        yield BESIDE
    for rule in (*rules, *others):
        left, drop = tell_outstanding(rule["outstanding"]), f"ringback rules pause {rule['id']} --drop"
        if rule["paused"]:
            yield ""
            yield f"{tell_pause(rule['pause'])} To go on: ringback rules resume {rule['id']}"
            if left:
                yield f"But {left}; to take that back: {drop}"
        elif _state_of(rule) == "gone" and left:
            yield ""
            yield f"{rule['id']} is not in the file any more, but {left}; to take that back: {drop}"

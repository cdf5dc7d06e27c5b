"""`ringback rules list` and `firings`: the rules in force, and what they decided."""

from datetime import UTC, datetime
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from service.cli.client import connect
from service.cli.rules.steer import rule_path
from service.cli.screen import plain, print_json, print_table
from service.cli.tasks import tell_age
from storage.records import JSON

SHOWN: Final = 50  # firings, unless said otherwise
_STYLES: Final = {"fired": ("✓", "green"), "deferred": ("◔", "cyan"), "blocked": ("✗", "yellow")}


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def list_rules(context: click.Context, as_json: bool) -> None:
    """List the rules in force, and what each did in the last 24 hours.

    The exit status is 1 when a newer file was refused.
    """
    page = connect(context).get("/v1/rules")
    if as_json:
        for rule in page["rules"]:
            print_json(rule)
    elif page["rules"]:
        print_table(_draw_rules(page["rules"], now=datetime.now(UTC)))
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


@click.command("firings")
@click.argument("rule", required=False)
@click.option("--task", help="About this task.")
@click.option("--outcome", type=click.Choice(list(_STYLES)), help="Of this outcome.")
@click.option("--limit", type=click.IntRange(1, 1000), default=SHOWN, show_default=True, help="So many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def list_firings(
    context: click.Context, rule: str | None, task: str | None, outcome: str | None, limit: int, as_json: bool
) -> None:
    """List what RULE decided, or every rule; newest first."""
    path = "/v1/firings" if rule is None else rule_path(rule, "firings")
    firings = connect(context).get(path, task=task, outcome=outcome, limit=limit)["firings"]
    if as_json:
        for firing in firings:
            print_json(firing)
    elif firings:
        print_table(_draw_firings(firings, now=datetime.now(UTC)))
    else:
        click.echo("No rule has decided anything of that kind.", err=True)


def tell_mistake(mistake: JSON) -> str:
    """A mistake as `ringback rules check` prints it."""
    place = "" if mistake["line"] is None else f":{mistake['line']}:{mistake['column']}"
    return f"{mistake['file']}{place}: {mistake['message']}"


def tell_actions(actions: list[JSON]) -> str:
    """What became of each action, in a few words."""
    return ", ".join(map(_tell_action, actions))


def _draw_rules(rules: list[JSON], *, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("RULE", no_wrap=True, min_width=8)
    table.add_column("ON", no_wrap=True)
    table.add_column("STATE", no_wrap=True, min_width=6)
    for name in ("FIRED", "WAITS", "BLOCKED"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("LAST", justify="right", no_wrap=True, min_width=4)
    table.add_column("AT MOST")  # the one that gives way where the terminal is narrow
    for rule in rules:
        lately = rule["last_24h"]
        state = "paused" if rule["paused"] else "dry" if rule["dry_run"] else "live"
        last = rule["last_fired_at"]
        table.add_row(
            Text(plain(rule["id"])),
            rule["on"],
            Text(state, "green" if state == "live" else "yellow"),
            str(lately["fired"]),
            str(lately["deferred"]),
            str(sum(lately["blocked"].values())),
            "" if last is None else tell_age(now - datetime.fromisoformat(last)),
            Text(plain(rule["worst_case"])),
        )
    return table


def _draw_firings(firings: list[JSON], *, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=1)
    table.add_column("OUTCOME", no_wrap=True, min_width=8)
    table.add_column("AGE", justify="right", no_wrap=True, min_width=4)
    table.add_column("RULE", no_wrap=True)
    table.add_column("TASK", no_wrap=True, min_width=16)
    table.add_column("WHAT")
    for firing in firings:
        shape, style = _STYLES[firing["outcome"]]
        what = Text(plain(tell_actions(firing["actions"])), no_wrap=True, overflow="ellipsis")
        if firing["outcome"] != "fired":
            what = Text.assemble((plain(f"{firing['reason']}: {firing['detail']}"), style), "  ", what)
        table.add_row(
            Text(shape, style),
            Text(firing["outcome"], style),
            tell_age(now - datetime.fromisoformat(firing["created_at"])),
            Text(plain(firing["rule"])),
            firing["task_id"],
            what,
        )
    return table


def _tell_action(action: JSON) -> str:
    what = action.get("button") or ", ".join(action.get("tags") or ()) or action.get("path")
    told = f"{action['action']} {what}" if what else str(action["action"])
    return told if action.get("result") in ("opened", "done", None) else f"{told} ({action['result']})"

"""`ringback rules firings`: what rules decided, and what came of it."""

from datetime import UTC, datetime
from operator import itemgetter
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
_MARKS: Final = {"fired": ("✓", "green"), "deferred": ("◔", "cyan"), "blocked": ("✗", "yellow")}
_GIVEN_UP: Final = ("✗", "red")  # it fired, and a message or a picture of it was given up
_TROUBLED: Final = ("!", "yellow")  # it fired, and something of it could not be done, or is put off


@click.command("firings")
@click.argument("rule", required=False)
@click.option("--task", help="About this task.")
@click.option("--outcome", type=click.Choice(list(_MARKS)), help="Of this outcome.")
@click.option("--limit", type=click.IntRange(1, 1000), default=SHOWN, show_default=True, help="So many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def list_firings(
    context: click.Context, rule: str | None, task: str | None, outcome: str | None, limit: int, as_json: bool
) -> None:
    """List the latest that RULE decided, or every rule; what happened last comes first.

    `then` is the name of tasks' own lists. A firing that waited, or was applied later, is as old as what came of it.
    """
    path = "/v1/firings" if rule is None else rule_path(rule, "firings")
    firings = connect(context).get(path, task=task, outcome=outcome, limit=limit)["firings"]
    firings.sort(key=itemgetter("updated_at", "id"), reverse=True)
    if as_json:
        for firing in firings:
            print_json(firing)
    elif firings:
        print_table(_draw(firings, now=datetime.now(UTC)))
    else:
        click.echo("No rule has decided anything of that kind.", err=True)


def tell_actions(actions: list[JSON]) -> str:
    """What became of each action, or would, in a few words."""
    return ", ".join(map(_tell_action, actions))


def _draw(firings: list[JSON], *, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=1)
    table.add_column("OUTCOME", no_wrap=True, min_width=8)
    table.add_column("AGE", justify="right", no_wrap=True, min_width=4)
    table.add_column("RULE", overflow="fold", max_width=20)
    table.add_column("TASK", no_wrap=True, min_width=16)
    table.add_column("WHAT", overflow="fold")
    for firing in firings:
        shape, style = _mark(firing)
        what = Text(plain(tell_actions(firing["actions"])), style if shape == "!" or style == "red" else "")
        if firing["outcome"] != "fired":
            what = Text.assemble((plain(f"{firing['reason']}: {firing['detail']}"), style), "  ", what)
        table.add_row(
            Text(shape, style),
            Text(firing["outcome"], style),
            tell_age(now - datetime.fromisoformat(firing["updated_at"])),
            Text(plain(firing["rule"])),
            firing["task_id"],
            what,
        )
    return table


def _mark(firing: JSON) -> tuple[str, str]:
    """The shape and the colour of a firing."""
    if firing["outcome"] == "fired":
        if any(action.get("result") == "failed" for action in firing["actions"]):
            return _GIVEN_UP
        if any(action.get("result") in ("error", "planned") and action.get("detail") for action in firing["actions"]):
            return _TROUBLED
    return _MARKS[firing["outcome"]]


def _tell_action(action: JSON) -> str:
    what = action.get("button") or ", ".join(action.get("tags") or ()) or action.get("path")
    told = f"{action['action']} {what}" if what else str(action["action"])
    detail = action.get("detail") or "it is not known why"
    match action.get("result"):
        case "opened" | "done" | None:
            return told
        case "withdrawn":
            return f"{told} (taken back)"
        case "would":
            return f"would {told}"
        case "failed":
            return f"{told} failed: {detail}"
        case "planned" if action.get("detail"):
            return f"{told} is put off: {detail}"
        case "error":
            return f"{told} is not possible: {detail}"
        case result:
            return f"{told} ({result})"

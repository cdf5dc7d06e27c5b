"""`ringback usage`: what was spent."""

import click
from rich.table import Table

from service.cli.client import connect
from service.cli.screen import plain, print_json, print_table
from service.cli.spans import Since
from storage.records import JSON
from storage.usage import GROUPS


@click.command("usage")
@click.option("--by", type=click.Choice(list(GROUPS)), default="day", show_default=True, help="What to group by.")
@click.option("--since", type=Since(), help="Only what was sent since then, such as 7d, 12h or 2026-11-01; in UTC.")
@click.option("--json", "as_json", is_flag=True, help="Print the groups as JSON, one per line.")
@click.pass_context
def command(context: click.Context, by: str, since: str | None, as_json: bool) -> None:
    """Say what gateways took, and what it cost where the configuration knows prices."""
    groups = connect(context).get("/v1/usage", by=by, since=since)["usage"]
    if as_json:
        for group in groups:
            print_json(group)
    elif groups:
        print_table(draw_usage(groups, by))
    else:
        click.echo("Nothing was spent.", err=True)


def draw_usage(groups: list[JSON], by: str) -> Table:
    """Groups as a table; a cost that leaves tasks out says so."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(by.upper())
    table.add_column("TASKS", justify="right")
    table.add_column("COST", justify="right")
    table.add_column("")
    for group in groups:
        unpriced = f"and {group['unpriced']} without a price" if group["unpriced"] else ""
        table.add_row(plain(group["key"] or "—"), str(group["tasks"]), f"{group['cost']:g}", unpriced)
    return table

"""`ringback deliveries list` and `show`: events on their way to subscribers, and every attempt."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, get_args

import click
from rich.table import Table
from rich.text import Text

from service.cli.client import connect, noun_path
from service.cli.screen import make_console, plain, print_json, print_table
from service.cli.tasks import tell_age
from storage.records import JSON
from storage.records_of_deliveries import DeliveryState

NOUN: Final = "deliveries"
SHOWN: Final = 50  # deliveries, unless said otherwise
ANSWER_SHOWN: Final = 500  # characters of what a subscriber answered
_MARKS: Final = {
    "planned": ("○", "dim"),
    "sending": ("◔", "cyan"),
    "waiting": ("○", "dim"),
    "delivered": ("✓", "green"),
    "exhausted": ("✗", "red"),
    "held": ("⊘", "yellow"),
    "cancelled": ("⊘", "dim"),
}


@click.command("list")
@click.option("--subscription", help="To this one.")
@click.option("--task", help="Of events about this task.")
@click.option("--state", type=click.Choice(get_args(DeliveryState)), help="That stand so.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="So many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def list_deliveries(
    context: click.Context, subscription: str | None, task: str | None, state: str | None, limit: int, as_json: bool
) -> None:
    """List deliveries, newest first: an event each, owed to one subscription.

    planned and waiting are still to come (the latter after an earlier one of its task), held waits for its subscription
    to be enabled and recovered, exhausted was given up.
    """
    found = connect(context).list_all(NOUN, limit=limit, subscription=subscription, task=task, state=state)
    if as_json:
        for each in found:
            print_json(each)
        return
    deliveries = list(found)
    if deliveries:
        print_table(_draw(deliveries, now=datetime.now(UTC)))
    else:
        click.echo("No delivery of that kind.", err=True)


@click.command("show")
@click.argument("delivery")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def show(context: click.Context, delivery: str, as_json: bool) -> None:
    """Show one DELIVERY with every attempt: when, how long, and what was answered."""
    found = connect(context).get(noun_path(NOUN, delivery))
    if as_json:
        print_json(found)
        return
    console = make_console()
    console.print(_tell(found), soft_wrap=True)
    for attempt in found["tried"]:
        console.print(_tell_attempt(attempt), soft_wrap=True)
        if said := plain(attempt["answer"]).strip():
            console.print(Text(f"    {said[:ANSWER_SHOWN]}", "dim"), soft_wrap=True)
    if found["next_at"]:
        console.print(Text(f"next at {found['next_at']}", "dim"), soft_wrap=True)
    if found["state"] == "exhausted":
        console.print(f"To send it once more: ringback deliveries redeliver {found['id']}", soft_wrap=True)


def _draw(deliveries: Sequence[JSON], *, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=1)
    table.add_column("STATE", no_wrap=True, min_width=9)
    table.add_column("DELIVERY", justify="right", no_wrap=True)
    table.add_column("SUBSCRIPTION", overflow="fold")
    table.add_column("EVENT", no_wrap=True)
    table.add_column("TASK", no_wrap=True, min_width=16)
    for name in ("TRIED", "AGE"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("NEXT", overflow="fold")
    for each in deliveries:
        shape, style = _mark(each)
        table.add_row(
            Text(shape, style),
            Text(each["state"], style),
            str(each["id"]),
            Text(plain(each["subscription_id"])),
            each["event"]["type"],
            each["task_id"] or "",
            str(each["attempts"]),
            tell_age(now - datetime.fromisoformat(each["created_at"])),
            (each["next_at"] or "") if each["state"] == "planned" and each["attempts"] else "",
        )
    return table


def _mark(delivery: JSON) -> tuple[str, str]:
    return _MARKS.get(delivery["state"], ("?", ""))


def _tell(delivery: JSON) -> Text:
    shape, style = _mark(delivery)
    event = delivery["event"]
    line = Text.assemble((f"{shape} {delivery['state']}", style), f"  delivery {delivery['id']}")
    line.append(f"  {event['type']} {event['id']} (seq {event['seq']})")
    if delivery["task_id"]:
        line.append(f" of task {delivery['task_id']}")
    return line.append(f" to {plain(delivery['subscription_id'])}")


def _tell_attempt(attempt: JSON) -> Text:
    taken = attempt["error"] is None
    line = Text(f"  {attempt['number']:>2}  {attempt['time']}  {attempt['took']:>6,} ms  ")
    status = "no answer" if attempt["status"] is None else f"HTTP {attempt['status']}"
    line.append(f"{status}  ", "green" if taken else "red")
    if not taken:
        line.append(f"{plain(attempt['error'])}  {plain(attempt['detail'])}".rstrip(), "red")
    return line

"""`ringback subscriptions list` and `show`: who hears of what, and how that goes."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import click
import msgspec
from rich.table import Table
from rich.text import Text

from service.cli.client import connect, noun_path
from service.cli.screen import plain, print_json, print_table
from service.cli.tasks import tell_age
from storage.records import JSON

NOUN: Final = "subscriptions"
UNDER_WAY: Final = ("planned", "sending", "waiting")  # states of deliveries that are still to come
_MARKS: Final = {"active": ("●", "green"), "failing": ("!", "yellow"), "disabled": ("⊘", "red")}


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def list_subscriptions(context: click.Context, as_json: bool) -> None:
    """List subscriptions, newest first, and what each is owed: under way, held, given up.

    Those of single tasks (`--webhook-url`, a notifyHook) are not among them; `ringback deliveries list --task TASK`
    shows what becomes of theirs.
    """
    subscriptions = list(connect(context).list_all(NOUN))
    if as_json:
        for each in subscriptions:
            print_json(each)
    elif subscriptions:
        print_table(_draw(subscriptions, now=datetime.now(UTC)))
        for line in _tell_troubles(subscriptions):
            click.echo(line)
    else:
        click.echo("No subscription. To make one: ringback subscriptions add URL --event chain.settled", err=True)


@click.command("show")
@click.argument("subscription")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def show(context: click.Context, subscription: str, as_json: bool) -> None:
    """Show one SUBSCRIPTION, its URL included. Its secret is not shown again."""
    found = connect(context).get(noun_path(NOUN, subscription))
    if as_json:
        print_json(found)
        return
    tell_subscription(found)
    for line in _tell_troubles([found]):
        click.echo(line)


def tell_subscription(subscription: JSON) -> None:
    """Print a subscription, a line for each of its fields."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in _tell_fields(subscription):
        table.add_row(name, Text(plain(value)))
    print_table(table)


def _tell_fields(subscription: JSON) -> Iterator[tuple[str, str]]:
    yield "subscription", f"{subscription['id']} (of the {subscription['origin']})"
    yield "state", _state_of(subscription)
    yield "url", subscription["url"] or f"at {subscription['host']}; the key that it is sealed under is gone"
    yield "events", ", ".join(subscription["events"])
    if subscription["match"] is not None:
        yield "match", msgspec.json.encode(subscription["match"]).decode()
    yield "format", subscription["format"]
    yield "order", "each task's events in their order" if subscription["ordered"] else "none"
    rate = "" if subscription["rate"] is None else f", {subscription['rate']:g} a second at most"
    yield "pace", f"{subscription['concurrency']} at once{rate}"
    if subscription["headers"]:
        yield "headers", ", ".join(subscription["headers"])
    if subscription["root_id"]:
        yield "only for", f"the task {subscription['task_id'] or subscription['root_id']}"
    owed = ", ".join(f"{number} {state}" for state, number in sorted(subscription["deliveries"].items()) if number)
    yield "deliveries", owed or "none is open"


def _draw(subscriptions: Sequence[JSON], *, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=1)
    table.add_column("STATE", no_wrap=True, min_width=8)
    table.add_column("SUBSCRIPTION", overflow="fold", min_width=8)
    table.add_column("WHERE", overflow="fold")
    table.add_column("EVENTS", overflow="fold")
    for name in ("OWED", "HELD", "GIVEN UP", "AGE"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for each in subscriptions:
        state, counts = _state_of(each), each["deliveries"]
        shape, style = _MARKS.get(state, ("?", ""))
        table.add_row(
            Text(shape, style),
            Text(state, style),
            Text(plain(each["id"])),
            Text(plain(each["host"])),
            Text(plain(", ".join(each["events"])) + (" (match)" if each["match"] is not None else "")),
            str(sum(counts.get(state, 0) for state in UNDER_WAY)),
            str(counts.get("held", 0)),
            str(counts.get("exhausted", 0)),
            tell_age(now - datetime.fromisoformat(each["created_at"])),
        )
    return table


def _state_of(subscription: JSON) -> str:
    failing = subscription["state"] == "active" and subscription["failing_since"]
    return "failing" if failing else str(subscription["state"])


def _tell_troubles(subscriptions: Sequence[JSON]) -> Iterator[str]:
    """Why one is disabled or failing, and what to do."""
    for each in subscriptions:
        name = plain(each["id"])
        if each["state"] == "disabled":
            yield f"{name} is disabled: {plain(each['reason']) or 'nobody said why'}. To go on: {_name('enable', name)}"
        elif each["failing_since"]:
            look = f"ringback deliveries list --subscription {name}"
            yield f"{name} fails since {each['failing_since']}. To look: {look}"
        if lost := each["deliveries"].get("held", 0) + each["deliveries"].get("exhausted", 0):
            yield f"{name} did not get {lost} of its deliveries. To send them: {_name('recover', name)} --since 7d"


def _name(verb: str, subscription: str) -> str:
    return f"ringback subscriptions {verb} {subscription}"

"""`ringback events`: what happened, and what happens."""

from collections.abc import Iterable

import click

from service.cli.client import connect
from service.cli.lines import tell_event
from service.cli.screen import make_console, print_json
from service.cli.stream import follow_events
from storage.records import JSON


@click.command("events")
@click.option("--follow", is_flag=True, help="Go on with each event as it happens.")
@click.option("--after", type=click.IntRange(min=0), metavar="SEQ", help="Begin after this one.")
@click.option("--type", "types", multiple=True, help='Of this type; "task.*" is one; may be repeated.')
@click.option("--task", help="Of this task.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def command(
    context: click.Context, follow: bool, after: int | None, types: tuple[str, ...], task: str | None, as_json: bool
) -> None:
    """List events, oldest first, from the first one; with --follow, those to come.

    A stream that breaks is opened again after the last event that was seen, so that none is missed.
    """
    api = connect(context)
    events: Iterable[JSON]
    if follow:
        start = api.read_latest_seq() if after is None else after
        events = follow_events(api, after=start, on_break=_tell_break, type=types, task=task)
    else:
        events = api.list_events(after=after, type=types, task=task)
    console = make_console()
    for event in events:
        if as_json:
            print_json(event)
        else:
            console.print(tell_event(event), soft_wrap=True)


def _tell_break(reason: str) -> None:
    click.echo(f"{reason} Trying again, and going on after the last event.", err=True)

"""`ringback listen`: events as they come, and each of them as a signed webhook to a program on this machine."""

import os
from contextlib import ExitStack
from typing import Final, get_args

import click
import msgspec

from hooks.errors import ForbiddenTarget
from hooks.recipient import name_host
from hooks.sender import Answer
from service.cli.client import Api, connect
from service.cli.failures import Failed, Misused
from service.cli.forward import Forwarder
from service.cli.lines import tell_event
from service.cli.place import Place
from service.cli.screen import make_console, plain, print_json
from service.cli.stream import follow_events
from storage.records import JSON
from storage.records_of_deliveries import Format

STANDARD: Final[Format] = "standard"


@click.command("listen")
@click.option("--forward", metavar="URL", help="POST each one there, as http://localhost:3000/hook, until it is taken.")
@click.option("--format", "form", type=click.Choice(get_args(Format)), default=STANDARD, help="How it is written.")
@click.option("--type", "types", multiple=True, help='Of this type; "task.*" is one; may be repeated.')
@click.option("--task", help="Of this task.")
@click.option("--after", type=click.IntRange(min=0), metavar="SEQ", help="Begin after this one.")
@click.option("--from-start", is_flag=True, help="Begin with the oldest there is.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def command(
    context: click.Context,
    forward: str | None,
    form: Format,
    types: tuple[str, ...],
    task: str | None,
    after: int | None,
    from_start: bool,
    as_json: bool,
) -> None:
    """Print events as they come; with --forward, try a subscriber out on this machine.

    Each event is POSTed as the service sends it to its subscribers, signed with the service's own webhook secret, one
    after the other: the next one goes out when this one was answered 2xx. What was taken is remembered for each URL
    and choice of events, and the next run goes on after it; the first one begins with the next event.
    """
    if after is not None and from_start:
        raise Misused("--after and --from-start name two places to begin at: give one of them.")
    if forward is None and form != STANDARD:
        raise Misused("--format says how an event is forwarded: give --forward too.")
    api = connect(context)
    console = make_console()
    with ExitStack() as exits:
        forwarder = place = None
        if forward is not None:
            forward = forward if "://" in forward else f"http://{forward}"
            forwarder = exits.enter_context(_make_forwarder(api, forward, form))
            place = Place(api.url, forward, [form, task or "", *sorted(types)], os.environ)
            exits.enter_context(place.hold())
        start = None if from_start else _find_start(api, after, place)
        if place is not None:
            place.keep(start or 0)  # what happens before the first one is taken counts, too
        for event in follow_events(api, after=start, on_break=_tell_break, type=types, task=task):
            if as_json:
                print_json(event)
            else:
                console.print(tell_event(event), soft_wrap=True)
            if forwarder is not None and place is not None:
                answer = _forward(forwarder, event) if forwarder.suits(event) else None
                place.keep(event["seq"])
                if answer is not None:
                    said = f"{event['type']} {event['seq']}: taken with HTTP {answer.status} in {answer.took} ms"
                    click.echo(f"  {said}", err=True)


def _make_forwarder(api: Api, forward: str, form: Format) -> Forwarder:
    try:
        host = name_host(forward)
    except ForbiddenTarget as error:
        raise Misused(f"--forward: {error}.") from None
    secret = api.get("/v1/webhook-secret")
    click.echo(f"Each event goes to {host}, signed; its secret, to verify it with: {secret['secret']}", err=True)
    secrets = [secret["secret"], *(each["secret"] for each in secret["previous"])]
    return Forwarder(forward, form, secrets=secrets, source=secret["source"])


def _find_start(api: Api, after: int | None, place: Place | None) -> int:
    """Where to begin: as asked, where the last run got to, or with the next event."""
    if after is not None:
        return after
    kept = None if place is None else place.read()
    if kept is None:
        return api.read_latest_seq()
    click.echo(f"It goes on after event {kept}, as far as the last run got.", err=True)
    return kept


def _forward(forwarder: Forwarder, event: JSON) -> Answer:
    try:
        return forwarder.forward(event, on_failure=_tell_failure)
    except msgspec.ValidationError as error:
        raise Failed(f"The service tells of event {event['seq']} as another release does: {error}") from None


def _tell_failure(answer: Answer, pause: float) -> None:
    click.echo(f"  {plain(answer.detail)}. Trying again in {pause:g} s.", err=True)


def _tell_break(reason: str) -> None:
    click.echo(f"{reason} Trying again, and going on after the last event.", err=True)

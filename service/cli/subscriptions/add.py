"""`ringback subscriptions add`: a URL that hears of events from now on."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import click
import msgspec

from service.cli.client import connect
from service.cli.failures import Misused
from service.cli.screen import plain, print_json
from service.subscriptions.match import read_filter
from service.subscriptions.written import HIGHEST_RATE, LOWEST_RATE, MOST_AT_ONCE
from service.written.mistakes import MistakesFound
from storage.records import JSON
from storage.records_of_deliveries import Format

VERIFY: Final = 'Webhook("{secret}").verify(body, headers)'  # Standard Webhooks' libraries have it in every language


@click.command("add")
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    required=True,
    metavar="TYPE",
    help="Of this type, such as task.succeeded, chain.settled or task.*; may be repeated.",
)
@click.option("--match", metavar="JSON", help='Only about such tasks, as a rule says it: {"action": "UPSCALE"}.')
@click.option("--match-file", type=click.Path(path_type=Path), metavar="FILE", help="The same, from a file.")
@click.option("--format", "form", type=click.Choice(get_args(Format)), help="What is sent; standard by default.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent along; may be repeated.")
@click.option("--unordered", is_flag=True, help="Do not keep the order of a task's events.")
@click.option("--rate", type=click.FloatRange(LOWEST_RATE, HIGHEST_RATE), help="So many a second at most.")
@click.option("--concurrency", type=click.IntRange(1, MOST_AT_ONCE), help="So many at once; 4 by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the subscription as JSON, with its secret.")
@click.pass_context
def add(
    context: click.Context,
    url: str,
    events: tuple[str, ...],
    match: str | None,
    match_file: Path | None,
    form: str | None,
    headers: tuple[str, ...],
    unordered: bool,
    rate: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Send events to URL from now on, and print the secret that signs them. It is shown this once.

    For example: ringback subscriptions add https://shop.example/in --event chain.settled
    """
    body = {
        "url": url,
        "events": events,
        "match": _read_match(match, match_file),
        "format": form,
        "headers": _read_headers(headers),
        "ordered": not unordered,
        "rate": rate,
        "concurrency": concurrency,
        "origin": "cli",
    }
    added = connect(context).post("/v1/subscriptions", body, key=uuid.uuid4().hex)
    if as_json:
        print_json(added)
        return
    name, secret = plain(added["id"]), plain(added["secret"])
    click.echo(f"{name} hears of {', '.join(map(plain, added['events']))} at {plain(added['host'])}.")
    click.echo(f"Its secret, shown this once: {secret}")
    click.echo("What comes is signed with it as www.standardwebhooks.com says; in most languages it is verified by")
    click.echo(f"  {VERIFY.format(secret=secret)}")
    click.echo(f"To send it an example: ringback subscriptions test {name}")


def _read_match(text: str | None, file: Path | None) -> JSON | None:
    """What was given, if it can be used: of what is not understood nothing may be left out on the way."""
    if file is not None:
        if text is not None:
            raise Misused("Either --match or --match-file; not both.")
        try:
            data = file.read_bytes()
        except OSError as error:
            raise Misused(f"{file} cannot be read: {error.strerror}.") from None
    elif text is not None:
        data = text.encode(errors="surrogateescape")
    else:
        return None
    try:
        match = msgspec.json.decode(data, type=JSON)
        read_filter(match)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Misused('A match is a JSON object, such as {"action": "UPSCALE"}.') from None
    except MistakesFound as error:
        raise Misused(str(error)) from None
    if not match:
        raise Misused("{} means every task; leave it out.")
    return match


def _read_headers(headers: Sequence[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for each in headers:
        name, colon, value = each.partition(":")
        if not colon:
            raise Misused("A header is given as 'Name: value'.")  # it may be a secret: it is not repeated
        if name.strip() in read:
            raise Misused(f"The header {plain(name.strip())} is given twice.")
        read[name.strip()] = value.strip()
    return read

"""`ringback subscriptions test`: one signed example, now, and what was answered."""

from typing import Final

import click

from service.cli.client import connect, noun_path
from service.cli.screen import plain, print_json
from service.cli.subscriptions.listing import NOUN
from storage.records import JSON

SHOWN: Final = 500  # characters of an answer


@click.command("test")
@click.argument("subscription")
@click.option("--json", "as_json", is_flag=True, help="Print what was sent and what was answered as JSON.")
@click.pass_context
def test(context: click.Context, subscription: str, as_json: bool) -> None:
    """Send SUBSCRIPTION one signed example now, beside everything it is owed, and say what was answered.

    The exit status is 0 when it was taken: when the answer was a 2xx.
    """
    tried = connect(context).post(noun_path(NOUN, subscription, "test"), {})
    if as_json:
        print_json(tried)
    else:
        click.echo(f"Sent: {plain(tried['sent']['type'])}, {len(tried['sent']['body'].encode())} bytes.")
        click.echo(tell_answer(tried["answered"]))
        if said := plain(tried["answered"]["body"]).strip():
            click.echo(f"  {said[:SHOWN]}")
    context.exit(0 if tried["answered"]["error"] is None else 1)


def tell_answer(answer: JSON) -> str:
    """What came of one POST: a sentence."""
    took = f"after {answer['took']:,} ms"
    if answer["error"] is None:
        return f"Taken: HTTP {answer['status']} {took}."
    status = "" if answer["status"] is None else f" HTTP {answer['status']}"
    detail = f": {plain(answer['detail'])}" if answer["detail"] else ""
    return f"Not taken:{status} {took}, {plain(answer['error'])}{detail}"

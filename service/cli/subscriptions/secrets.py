"""`ringback subscriptions rotate` and `secret`: what deliveries are signed with."""

import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from service.cli.client import connect, noun_path
from service.cli.failures import Misused
from service.cli.screen import plain, print_json
from service.cli.spans import Span
from service.cli.subscriptions.listing import NOUN

OWN: Final = "/v1/webhook-secret"

F = TypeVar("F", bound=Callable[..., None])


def overlap_options(command: F) -> F:
    """Give a command the options of how long the secret before goes on."""
    span = click.option(
        "--overlap", type=Span(), help="How long the one before signs, too, such as 1h; 24h by default."
    )
    return span(click.option("--revoke", is_flag=True, help="The one before does not sign any more.")(command))


@click.command("rotate")
@click.argument("subscription")
@overlap_options
@click.option("--json", "as_json", is_flag=True, help="Print the new secret as JSON.")
@click.pass_context
def rotate(context: click.Context, subscription: str, overlap: float | None, revoke: bool, as_json: bool) -> None:
    """Give SUBSCRIPTION a new secret, and print it. It is shown this once.

    Until the overlap is over everything carries both signatures, so that nothing is refused meanwhile.
    """
    _rotate(context, noun_path(NOUN, subscription, "rotate"), overlap, revoke=revoke, as_json=as_json)


@click.command("secret")
@click.option("--rotate", is_flag=True, help="Make a new one.")
@overlap_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def secret(context: click.Context, rotate: bool, overlap: float | None, revoke: bool, as_json: bool) -> None:
    """Print the service's own secret. It signs what has no secret of its own.

    That is: a task's --webhook-url, a notifyHook, and the subscriptions of ringback.yaml that name no secret.
    """
    if rotate:
        _rotate(context, f"{OWN}/rotate", overlap, revoke=revoke, as_json=as_json)
        return
    if revoke or overlap is not None:
        raise Misused("--overlap and --revoke go with --rotate.")
    found = connect(context).get(OWN)
    if as_json:
        print_json(found)
        return
    click.echo(plain(found["secret"]))
    for each in found["previous"]:
        click.echo(f"Until {each['expires_at']} this one signs, too: {plain(each['secret'])}", err=True)


def _rotate(context: click.Context, path: str, overlap: float | None, *, revoke: bool, as_json: bool) -> None:
    if revoke and overlap is not None:
        raise Misused("Either --overlap or --revoke; not both.")
    body: dict[str, Any] = {"overlap": 0 if revoke else overlap}
    made = connect(context).post(path, body, key=uuid.uuid4().hex)
    if as_json:
        print_json(made)
    else:
        click.echo(plain(made["secret"]))
        click.echo(
            "Only this one signs from now on." if revoke else "The one before signs, too, for a while.", err=True
        )

"""`ringback subscriptions enable`, `disable` and `remove`: it goes on, stops, ends."""

import click

from service.cli.client import connect, noun_path
from service.cli.screen import plain, print_json
from service.cli.subscriptions.listing import NOUN


@click.command("enable")
@click.argument("subscription")
@click.option("--json", "as_json", is_flag=True, help="Print the subscription as JSON.")
@click.pass_context
def enable(context: click.Context, subscription: str, as_json: bool) -> None:
    """Let SUBSCRIPTION go on. What was held meanwhile is kept; `ringback subscriptions recover` sends it."""
    enabled = connect(context).post(noun_path(NOUN, subscription, "enable"), {})
    if as_json:
        print_json(enabled)
        return
    name, held = plain(enabled["id"]), enabled["deliveries"].get("held", 0)
    click.echo(f"{name} goes on.")
    if held:
        click.echo(f"Held meanwhile: {held}. To send them: ringback subscriptions recover {name} --since 7d")


@click.command("disable")
@click.argument("subscription")
@click.option("--why", metavar="TEXT", help="For whoever wonders later.")
@click.option("--json", "as_json", is_flag=True, help="Print the subscription as JSON.")
@click.pass_context
def disable(context: click.Context, subscription: str, why: str | None, as_json: bool) -> None:
    """Send SUBSCRIPTION nothing until it is enabled again. What comes meanwhile is held for it."""
    disabled = connect(context).post(noun_path(NOUN, subscription, "disable"), {"reason": why})
    if as_json:
        print_json(disabled)
    else:
        name = plain(disabled["id"])
        click.echo(f"{name} is disabled, and what comes is held. To go on: ringback subscriptions enable {name}")


@click.command("remove")
@click.argument("subscription")
@click.pass_context
def remove(context: click.Context, subscription: str) -> None:
    """End SUBSCRIPTION. What it is still owed is cancelled; its URL and its secret are wiped."""
    connect(context).delete(noun_path(NOUN, subscription))
    click.echo(f"{plain(subscription)} is removed.")

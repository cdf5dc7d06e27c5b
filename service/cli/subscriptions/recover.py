"""`ringback subscriptions recover`: what did not arrive, once more."""

import click

from service.cli.client import connect, noun_path
from service.cli.screen import plain, print_json
from service.cli.spans import Since
from service.cli.subscriptions.listing import NOUN
from service.rules.wording import count


@click.command("recover")
@click.argument("subscription")
@click.option("--since", type=Since(), required=True, help="Of events from then on, such as 2h, 7d or 2026-11-01.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def recover(context: click.Context, subscription: str, since: str, dry_run: bool, as_json: bool) -> None:
    """Send SUBSCRIPTION what was held while it was disabled, and what was given up, in its order.

    What it is still owed, and would be tried again later, is tried now. Each comes under the webhook-id that it had:
    who has seen one can tell.
    """
    done = connect(context).post(noun_path(NOUN, subscription, "recover"), {"since": since, "dry_run": dry_run})
    if as_json:
        print_json(done)
        return
    if not done["count"] and not done["owed"]:
        click.echo(f"{plain(subscription)} has missed nothing since then.", err=True)
    if done["count"]:
        what = count(done["count"], "event")
        click.echo(f"{what} on the way once more." if done["recovered"] else f"{what} would be sent once more.")
    if done["owed"]:
        what = f"{count(done['owed'], 'event')} still owed"
        click.echo(f"{what}: tried again now." if done["recovered"] else f"{what}: would be tried again now.")

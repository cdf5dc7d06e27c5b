"""`ringback deliveries redeliver`: one event, once more."""

import click

from service.cli.client import connect, noun_path
from service.cli.deliveries.listing import NOUN
from service.cli.failures import Refused
from service.cli.screen import plain, print_json


@click.command("redeliver")
@click.argument("deliveries", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def redeliver(context: click.Context, deliveries: tuple[str, ...], as_json: bool) -> None:
    """Send these DELIVERIES once more, now, whatever became of them, under the webhook-id that each had.

    The exit status is 1 when one of them could not be; the others are sent all the same.
    """
    api, refused = connect(context), False
    for each in deliveries:
        try:
            delivery = api.post(noun_path(NOUN, each, "redeliver"), {})
        except Refused as error:
            refused = True
            click.echo(f"{plain(each)}: {error.message}", err=True)
            continue
        if as_json:
            print_json(delivery)
        else:
            what = f"{delivery['event']['type']} to {plain(delivery['subscription_id'])}"
            click.echo(f"{delivery['id']} is on its way once more: {what}")
    context.exit(1 if refused else 0)

"""`ringback deliveries`: what is owed to subscribers, and what became of it."""

import click

from service.cli.deliveries.listing import list_deliveries, show
from service.cli.deliveries.redeliver import redeliver


@click.group("deliveries")
def command() -> None:
    """List what is owed to subscribers, look at every attempt, and send something once more."""


for each in (list_deliveries, show, redeliver):
    command.add_command(each)

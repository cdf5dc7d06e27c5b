"""`ringback subscriptions`: who hears of which events, and how to look after them."""

import click

from service.cli.subscriptions.add import add
from service.cli.subscriptions.listing import list_subscriptions, show
from service.cli.subscriptions.recover import recover
from service.cli.subscriptions.secrets import rotate, secret
from service.cli.subscriptions.steer import disable, enable, remove
from service.cli.subscriptions.trial import test


@click.group("subscriptions")
def command() -> None:
    """Have events sent to a URL, each signed, in the order of each task, until it has arrived.

    Those of ringback.yaml are changed and removed there; all else that is said here goes for them, too.
    """


for each in (add, list_subscriptions, show, test, rotate, enable, disable, recover, remove, secret):
    command.add_command(each)

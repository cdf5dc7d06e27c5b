"""`ringback rules`: what can be asked of rules, with a server and without one."""

import click

from service.cli.rules.check import check, print_schema, test
from service.cli.rules.firings import list_firings
from service.cli.rules.listing import list_rules
from service.cli.rules.past import apply, backtest
from service.cli.rules.retry import retry
from service.cli.rules.steer import pause, resume
from service.cli.rules.why import why


@click.group("rules")
def command() -> None:
    """Check, test, explain and steer rules.

    check, test and schema need no server.
    """


for each in (check, test, list_rules, list_firings, why, backtest, apply, retry, pause, resume, print_schema):
    command.add_command(each)

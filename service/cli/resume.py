"""`ringback resume`: submissions go on where they stopped."""

import click

from service.cli.client import connect
from service.cli.screen import print_json


@click.command("resume")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Let paid submissions go on where `ringback pause` stopped them."""
    state = connect(context).post("/v1/resume", {})
    if as_json:
        print_json(state)
    else:
        click.echo("Submissions go on.")

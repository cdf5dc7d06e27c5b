"""`ringback pause`: every paid submission stops."""

import click

from service.cli.client import connect
from service.cli.screen import print_json


@click.command("pause")
@click.option("--why", metavar="TEXT", help="For whoever wonders later.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_context
def command(context: click.Context, why: str | None, as_json: bool) -> None:
    """Stop every paid submission at once, whoever asks for it.

    What is at a gateway goes on, and what is asked for meanwhile waits; `ringback resume` sends it.
    """
    state = connect(context).post("/v1/pause", {"origin": "cli", "detail": why})
    if as_json:
        print_json(state)
    else:
        click.echo(f"Paused since {state['since']}: nothing is submitted. To go on: ringback resume")

"""`ringback click`: a button of a finished task."""

import uuid

import click

from service.cli.chain import wait_for_chain
from service.cli.client import connect
from service.cli.screen import print_json


@click.command("click")
@click.argument("task")
@click.argument("button")
@click.option("--wait/--no-wait", default=True, help="Wait until all of it has ended; the default.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON, one per line.")
@click.pass_context
def command(context: click.Context, task: str, button: str, wait: bool, timeout: float | None, as_json: bool) -> None:
    """Click BUTTON of TASK: a label (U1), an emoji or a customId; then wait for the chain.

    An upscale that was clicked before is not paid again. The exit status is 0 when the whole chain succeeded.
    """
    api = connect(context)
    child, new = api.click(task, button, key=uuid.uuid4().hex)
    said = f"Clicked; the new task is {child['id']}." if new else f"Already clicked: task {child['id']}."
    if wait:
        if not (new or as_json):
            click.echo(said, err=True)
        context.exit(0 if wait_for_chain(api, child, as_json=as_json, timeout=timeout) else 1)
    if as_json:
        print_json(child)
    else:
        click.echo(f"{said} To wait for it: ringback watch {child['id']}")

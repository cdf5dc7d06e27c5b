"""`ringback click`: a button of a finished task."""

import uuid
from typing import Any

import click

from service.cli.client import connect, task_path
from service.cli.orders import await_chain, waiting_options
from service.cli.pictures import PICTURE


@click.command("click")
@click.argument("task")
@click.argument("button")
@click.option("--prompt", help="Answers the window that the button opens.")
@click.option("--mask", type=PICTURE, help="The same: a PNG, black, with the area to be changed in white.")
@waiting_options
@click.pass_context
def command(
    context: click.Context, /, task: str, button: str, prompt: str | None, mask: str | None, **given: Any
) -> None:
    """Click BUTTON of TASK: a label (U1), an emoji or a customId; then wait for the chain.

    An upscale that was clicked before is not paid again. The exit status is 0 when the whole chain succeeded.
    """
    api = connect(context)
    wanted = {"button": button, "prompt": prompt, "mask": mask, "origin": "cli"}
    child, new = api.create(task_path(task, "click"), wanted, key=uuid.uuid4().hex)
    said = f"Clicked; the new task is {child['id']}." if new else f"Already clicked: task {child['id']}."
    if given["wait"] and not (new or given["as_json"]):
        click.echo(said, err=True)
    await_chain(context, api, child, given, said=said)

"""`ringback modal`: the answer to a window that a click has opened."""

import uuid
from typing import Any

import click

from service.cli.client import connect, task_path
from service.cli.orders import await_chain, waiting_options
from service.cli.pictures import PICTURE


@click.command("modal")
@click.argument("task")
@click.option("--prompt", help="Without one, that of the task that was clicked.")
@click.option("--mask", type=PICTURE, help="A PNG: black, with the area to be changed in white.")
@waiting_options
@click.pass_context
def command(context: click.Context, /, task: str, prompt: str | None, mask: str | None, **given: Any) -> None:
    """Answer the open window of TASK, and wait for its picture."""
    api = connect(context)
    answered = api.post(task_path(task, "modal"), {"prompt": prompt, "mask": mask}, key=uuid.uuid4().hex)
    await_chain(context, api, answered, given, said="Answered.")

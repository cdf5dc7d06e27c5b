"""`ringback resubmit`: what ended badly, once more."""

import uuid
from typing import Any

import click

from service.cli.client import connect, task_path
from service.cli.orders import await_chain, waiting_options


@click.command("resubmit")
@click.argument("task")
@waiting_options
@click.pass_context
def command(context: click.Context, /, task: str, **given: Any) -> None:
    """Ask once more for TASK, which ended badly or is lost, as it was asked for; then wait for the chain.

    What was asked for once more before is not paid again.
    """
    api = connect(context)
    retry, new = api.create(task_path(task, "resubmit"), {"origin": "cli"}, key=uuid.uuid4().hex)
    said = f"Submitted once more as {retry['id']}." if new else f"It stands already: task {retry['id']}."
    if given["wait"] and not given["as_json"]:
        click.echo(said, err=True)
    await_chain(context, api, retry, given, said=said)

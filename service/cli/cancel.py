"""`ringback cancel`: a task, given up."""

import click

from service.cli.client import connect, task_path
from service.cli.screen import make_console, print_json, tell_task


@click.command("cancel")
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="Print the task as JSON.")
@click.pass_context
def command(context: click.Context, task: str, as_json: bool) -> None:
    """Give TASK up: at once while it waits here, or at its gateway, where that can."""
    cancelled = connect(context).post(task_path(task, "cancel"), {})
    if as_json:
        print_json(cancelled)
    else:
        make_console().print(tell_task(cancelled), soft_wrap=True)

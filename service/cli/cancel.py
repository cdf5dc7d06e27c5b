"""`ringback cancel`: a task, given up."""

import click

from service.cli.client import connect, task_path
from service.cli.screen import make_console, print_json, tell_task
from service.rules.wording import count


@click.command("cancel")
@click.argument("task")
@click.option("--chain", is_flag=True, help="Take back all under its root that was not sent, whoever asked for it.")
@click.option("--json", "as_json", is_flag=True, help="Print the task as JSON.")
@click.pass_context
def command(context: click.Context, task: str, chain: bool, as_json: bool) -> None:
    """Give TASK up: at once while it waits here, or at its gateway, where that can.

    With --chain, what waits here of its whole chain is taken back, and what a gateway has goes on.
    """
    cancelled = connect(context).post(task_path(task, "cancel"), {"chain": chain})
    if as_json:
        print_json(cancelled)
    elif chain:
        click.echo(f"{count(cancelled['withdrawn'], 'task')} of the chain taken back before a gateway was asked.")
    else:
        make_console().print(tell_task(cancelled), soft_wrap=True)

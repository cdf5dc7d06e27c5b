"""`ringback cancel`: a task, given up."""

import click

from service.cli.client import Api, connect, task_path
from service.cli.screen import make_console, print_json, tell_task
from service.cli.states import is_settled
from service.cli.waits import is_waiting
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
    api = connect(context)
    cancelled = api.post(task_path(task, "cancel"), {"chain": chain})
    if as_json:
        print_json(cancelled)
    elif chain:
        click.echo(f"{count(cancelled['withdrawn'], 'task')} of the chain taken back before a gateway was asked.")
        _tell_rest(api, cancelled["root_id"])
    else:
        make_console().print(tell_task(cancelled), soft_wrap=True)


def _tell_rest(api: Api, root_id: str) -> None:
    """Say what of a chain its gateway still has, and how to keep rules from what they would make of it."""
    rest = sum(not is_settled(task) and not is_waiting(task) for task in api.read_chain(root_id))
    if rest:
        who = "it ends" if rest == 1 else "they end"
        click.echo(
            f"Still at the gateway: {count(rest, 'task')}. What {who} as can fire rules again; to stop that:"
            " ringback pause, or ringback rules pause RULE --drop"
        )

"""`ringback watch`: a chain's events until it has settled."""

import click

from service.cli.chain import follow_chain, has_succeeded
from service.cli.client import connect
from service.cli.lines import tell_event
from service.cli.screen import make_console, print_chain, print_json


@click.command("watch")
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON, one per line.")
@click.pass_context
def command(context: click.Context, task: str, as_json: bool) -> None:
    """Watch the whole chain of TASK, from its first event until it has settled.

    The exit status is 0 when all of it succeeded.
    """
    api = connect(context)
    root_id = api.read_task(task)["root_id"]
    console = make_console()
    for event in follow_chain(api, root_id):
        if as_json:
            print_json(event)
        else:
            console.print(tell_event(event), soft_wrap=True)
    tasks = api.read_chain(root_id)
    if not as_json:
        print_chain(console, tasks)
    context.exit(0 if has_succeeded(tasks) else 1)

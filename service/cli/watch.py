"""`ringback watch`: a chain's events until it has settled."""

from collections.abc import Sequence

import click

from service.cli.chain import follow_chain, has_succeeded, tell_firings, tell_wait
from service.cli.client import connect
from service.cli.lines import tell_event
from service.cli.screen import make_console, print_chain, print_json
from service.cli.waits import read_waits
from storage.records import JSON


@click.command("watch")
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON, one per line.")
@click.pass_context
def command(context: click.Context, task: str, as_json: bool) -> None:
    """Watch the whole chain of TASK, from its first event until nothing of it is under way.

    Where a rule has put something off, it ends by saying until when. The exit status is 0 when all of it succeeded.
    """
    api = connect(context)
    root_id = api.read_task(task)["root_id"]
    console = make_console()
    told: dict[str, str] = {}  # task → why it waits, as it was told last

    def look(tasks: Sequence[JSON]) -> None:
        waits = {} if as_json else read_waits(api, tasks)
        for each in tasks:
            wait = waits.get(each["id"])
            if wait and told.get(each["id"]) != wait.reason:
                told[each["id"]] = wait.reason
                click.echo(tell_wait(each, wait), err=True)

    for event in follow_chain(api, root_id, look=look):
        if as_json:
            print_json(event)
        else:
            console.print(tell_event(event), soft_wrap=True)
    tasks = api.read_chain(root_id)
    if not as_json:
        print_chain(console, tasks)
    context.exit(0 if tell_firings(api, tasks) and has_succeeded(tasks) else 1)

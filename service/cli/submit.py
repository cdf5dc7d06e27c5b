"""`ringback submit`: a prompt, and what comes of it."""

import uuid

import click

from service.cli.chain import wait_for_chain
from service.cli.client import connect
from service.cli.screen import print_json


# A prompt's own parameters (--ar 16:9) look like options: those that are not ours belong to it.
@click.command("submit", context_settings={"ignore_unknown_options": True})
@click.argument("prompt", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--then", "then", multiple=True, metavar="BUTTON", help="Click this when it succeeds; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--gateway", help="Its name; the default one when left out.")
@click.option("--state", help="A text of yours that comes back with everything.")
@click.option("--wait/--no-wait", default=True, help="Wait until all of it has ended; the default.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON, one per line.")
@click.pass_context
def command(
    context: click.Context,
    prompt: tuple[str, ...],
    then: tuple[str, ...],
    tags: tuple[str, ...],
    gateway: str | None,
    state: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Submit PROMPT, and wait for its picture and for what --then clicks.

    The words of the prompt are joined; its parameters may follow it: ringback submit a red fox --ar 16:9 --then U1.
    The exit status is 0 when all of it succeeded.
    """
    api = connect(context)
    wanted = {
        "prompt": " ".join(prompt),
        "then": then,
        "tags": tags,
        "gateway": gateway,
        "state": state,
        "origin": "cli",
    }
    task = api.post("/v1/tasks", wanted, key=uuid.uuid4().hex)
    if wait:
        context.exit(0 if wait_for_chain(api, task, as_json=as_json, timeout=timeout) else 1)
    if as_json:
        print_json(task)
    else:
        click.echo(f"Submitted as {task['id']}. To wait for it: ringback watch {task['id']}")

"""What the verbs that open a task have in common: their options, and what is done with the answer."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

import click

from service.cli.chain import print_pictures, wait_for_chain
from service.cli.client import Api, connect
from service.cli.failures import Misused
from service.cli.screen import plain, print_json
from service.gateways.actions import Mode
from storage.records import JSON, Status

F = TypeVar("F", bound=Callable[..., None])

BOTS: Final = {"midjourney": "MID_JOURNEY", "niji": "NIJI_JOURNEY"}

prompt_argument = click.argument("prompt", nargs=-1, required=True, type=click.UNPROCESSED)
bot_option = click.option("--bot", type=click.Choice(list(BOTS)), help="Who draws it; midjourney by default.")

_WAITING: Final = (
    click.option("--wait/--no-wait", default=True, help="Wait until all of it has ended; the default."),
    click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this."),
    click.option("--json", "as_json", is_flag=True, help="Print the tasks as JSON, one per line."),
)
_ORDERING: Final = (
    click.option("--then", "then", multiple=True, metavar="BUTTON", help="Click this when it succeeds; repeatable."),
    click.option("--tag", "tags", multiple=True, help="A tag; may be repeated."),
    click.option("--gateway", help="Of a gateway or a group; the default one when left out."),
    click.option("--mode", type=click.Choice(get_args(Mode)), help="Where the gateway tells them apart."),
    click.option("--state", help="A text of yours that comes back with everything."),
    click.option("--webhook-url", metavar="URL", help="Have it called when the whole chain has ended, signed."),
    click.option(
        "--webhook-event",
        "webhook_events",
        multiple=True,
        metavar="TYPE",
        help="Call it on these instead, such as task.succeeded or task.*; may be repeated.",
    ),
    *_WAITING,
)


def _apply(options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def order_options(command: F) -> F:
    """Give a command the options of `place_order`, which it hands on as `**given`."""
    return _apply(_ORDERING, command)


def waiting_options(command: F) -> F:
    """Give a command the options of `await_chain`, which it hands on as `**given`."""
    return _apply(_WAITING, command)


def place_order(
    context: click.Context,
    given: Mapping[str, Any],
    *,
    action: str,
    prompt: Sequence[str] = (),
    images: Sequence[str] = (),
    bot: str | None = None,
    tell: Callable[[Sequence[JSON]], None] = print_pictures,
    **options: Any,
) -> None:
    """Open a task, wait for it, and exit as it ends. `options` are those of the action, None where not given."""
    api = connect(context)
    task = api.post("/v1/tasks", make_order(given, action, prompt, images, bot, options), key=uuid.uuid4().hex)
    await_chain(context, api, task, given, said=f"Submitted as {task['id']}.", tell=tell)


def make_order(
    given: Mapping[str, Any],
    action: str,
    prompt: Sequence[str],
    images: Sequence[str],
    bot: str | None,
    options: Mapping[str, Any],
) -> JSON:
    """The body that opens a task; the words of the prompt are joined."""
    if given["webhook_events"] and not given["webhook_url"]:
        raise Misused("--webhook-event goes with --webhook-url.")
    return {
        "action": action,
        "prompt": " ".join(prompt) if prompt else None,
        "images": tuple(images),
        "options": {**options, "mode": given["mode"], "bot_type": bot and BOTS[bot]},
        "then": given["then"],
        "tags": given["tags"],
        "gateway": given["gateway"],
        "state": given["state"],
        "webhook_url": given["webhook_url"],
        "webhook_events": given["webhook_events"],
        "origin": "cli",
    }


def await_chain(
    context: click.Context,
    api: Api,
    task: JSON,
    given: Mapping[str, Any],
    *,
    said: str,
    tell: Callable[[Sequence[JSON]], None] = print_pictures,
) -> None:
    """Wait for a task's chain and exit as it ends; or, without --wait, print what was `said`."""
    as_json: bool = given["as_json"]
    if given["wait"]:
        context.exit(0 if wait_for_chain(api, task, as_json=as_json, timeout=given["timeout"], tell=tell) else 1)
    if as_json:
        print_json(task)
    else:
        click.echo(f"{said} To wait for it: ringback watch {task['id']}")


def print_text(tasks: Sequence[JSON]) -> None:
    """Print what the first Task found to say; all of the chain where it says nothing."""
    said = tasks[0]["properties"]
    _print_answer(tasks, said.get("finalPrompt") or said.get("promptEn") or said.get("prompt"))


def print_urls(tasks: Sequence[JSON]) -> None:
    """Print the addresses of what the first Task uploaded, one per line."""
    _print_answer(tasks, "\n".join(tasks[0]["properties"].get("urls", ())))


def _print_answer(tasks: Sequence[JSON], answer: str | None) -> None:
    if answer and tasks[0]["status"] == Status.SUCCESS:
        click.echo("\n".join(map(plain, answer.splitlines())))
    else:
        print_pictures(tasks)

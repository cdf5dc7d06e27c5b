"""`ringback tasks`: the ledger's tasks."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from service.cli.client import connect
from service.cli.failures import Misused
from service.cli.screen import name_task, plain, print_json, print_table
from service.cli.states import explain, state_of
from storage.records import JSON, Status

SHOWN: Final = 50  # tasks, unless said otherwise
SEPARATOR: Final = " | "  # between what went wrong and the prompt
ADOPTED_AT_ONCE: Final = 100  # ids in one call


@click.group("tasks", invoke_without_command=True)
@click.option("--status", multiple=True, help="Of this status, such as SUCCESS; may be repeated.")
@click.option("--action", multiple=True, help="Of this action, such as IMAGINE; may be repeated.")
@click.option("--tag", help="With this tag.")
@click.option("--root", help="Of the chain with this root.")
@click.option("--q", help="With this text in the prompt.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="So many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, one per line.")
@click.pass_context
def command(
    context: click.Context,
    status: tuple[str, ...],
    action: tuple[str, ...],
    tag: str | None,
    root: str | None,
    q: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List tasks, newest first."""
    if context.invoked_subcommand is not None:
        return
    tasks = connect(context).list_tasks(limit=limit, status=status, action=action, tag=tag, root=root, q=q)
    if as_json:
        for task in tasks:
            print_json(task)
        return
    rows = list(tasks)
    if rows:
        print_table(draw_tasks(rows, now=datetime.now(UTC)))
    else:
        narrowed = any((status, action, tag, root, q))
        make_one = 'No task here. To make one: ringback submit "a red fox"'
        click.echo("No task matches." if narrowed else make_one, err=True)
        for word in status:
            if word not in tuple(Status) and not any(connect(context).list_tasks(limit=1, status=(word,))):
                click.echo(f"No task has the status {plain(word)}; known are {', '.join(Status)}.", err=True)


@command.command("adopt")
@click.argument("ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Whatever the gateway lists, instead of IDS.")
@click.option("--gateway", help="Its name; the default one when left out.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of each id as JSON, one per line.")
@click.pass_context
def adopt(context: click.Context, ids: tuple[str, ...], every: bool, gateway: str | None, as_json: bool) -> None:
    """Bring tasks that a gateway has already into the ledger, by the IDS that it gave them.

    Nothing is spent, and no rule fires on what had ended. The exit status is 0 when every one is in the ledger.
    """
    if every == bool(ids):
        raise Misused("Name the ids, or say --all.")
    api = connect(context)
    chunks = [ids[start : start + ADOPTED_AT_ONCE] for start in range(0, len(ids), ADOPTED_AT_ONCE)] or [()]
    adopted = [
        each
        for chunk in chunks
        for each in api.post("/v1/tasks/adopt", {"ids": chunk, "all": every, "gateway": gateway})["adopted"]
    ]
    for each in adopted:
        if as_json:
            print_json(each)
        else:
            detail = each["task_id"] or each["detail"] or ""
            click.echo(f"{plain(each['id'])}  {each['result']}  {plain(detail)}".rstrip())
    context.exit(0 if all(each["task_id"] for each in adopted) else 1)


def draw_tasks(tasks: list[JSON], *, now: datetime) -> Table:
    """Tasks as a table."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=1)
    table.add_column("STATE", no_wrap=True, min_width=9)
    table.add_column("TASK", no_wrap=True, min_width=16)
    table.add_column("WHAT", no_wrap=True, min_width=8, max_width=20)
    table.add_column("%", justify="right", no_wrap=True, min_width=3)
    table.add_column("AGE", justify="right", no_wrap=True, min_width=4)
    table.add_column("PROMPT")  # the one that gives way where the terminal is narrow
    for task in tasks:
        state = state_of(task)
        table.add_row(
            Text(state.shape, state.style),
            Text(state.word, state.style),
            task["id"],
            Text("  " * task["depth"] + name_task(task)),
            "" if task["progress"] is None else str(task["progress"]),
            tell_age(now - datetime.fromisoformat(task["created_at"])),
            _tell_prompt(task),
        )
    return table


def _tell_prompt(task: JSON) -> Text:
    """The prompt, after what went wrong: that must not be cut off first."""
    reason, prompt = explain(task), Text(plain(task["prompt"]))
    line = Text.assemble((plain(reason), state_of(task).style), (SEPARATOR, "dim"), prompt) if reason else prompt
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def tell_age(age: timedelta) -> str:
    """A time span in its largest unit, rounded down."""
    seconds = max(0, int(age.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"

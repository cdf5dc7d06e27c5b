"""A chain as somebody waits for it: its events as they come, and what became of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from service.cli.client import LONGEST_WAIT, PATIENCE, Api
from service.cli.screen import make_console, name_task, plain, print_chain, print_json
from service.cli.states import is_settled, state_of
from service.cli.waits import Wait, is_waiting, read_waits
from storage.records import JSON, Status, SubmissionState

THEN: Final = "then"  # the rule that a task's own list is
LOOK_AGAIN: Final = 2.0  # seconds between two looks at a chain of which a task waits to be sent


def follow_chain(
    api: Api,
    root_id: str,
    *,
    deadline: float | None = None,
    look: Callable[[Sequence[JSON]], None] = lambda _: None,
) -> Iterator[JSON]:
    """Give every Event of a chain, from its first one until waiting is over or the (monotonic) deadline is.

    `look` is shown the chain's Tasks now and then, those too of which nothing has been told yet. It outlives a
    restart of the service.
    """
    after: int | None = None
    while True:
        tasks = api.read_chain(root_id, patience=PATIENCE)
        look(tasks)
        settled = is_chain_over(api, tasks)
        # Why a task waits is no event: who looks for it must look again.
        longest = LOOK_AGAIN if any(map(is_waiting, tasks)) else LONGEST_WAIT
        left = longest if deadline is None else min(longest, deadline - time.monotonic())
        wait = 0.0 if settled else max(0.0, round(left, 3))  # a time in plain digits, whatever is left of it
        # What is asked for after the chain had settled is all that there will be.
        page = api.get("/v1/events", root=root_id, after=after, wait=wait, timeout=LONGEST_WAIT * 2, patience=PATIENCE)
        yield from page["events"]
        if not page["events"] and (settled or left <= 0):
            return
        after = page["next"]


def is_chain_over(api: Api, tasks: Sequence[JSON]) -> bool:
    """Whether nothing more happens in a chain by itself. A window that was answered stays open for a moment."""
    return all(
        is_settled(task) or (task["status"] == Status.MODAL and not _is_answered(api, task["id"])) for task in tasks
    )


def _is_answered(api: Api, task_id: str) -> bool:
    latest = api.list_submissions(task_id)[-1]
    return latest["kind"] == "modal" and latest["state"] not in (SubmissionState.REJECTED, SubmissionState.LOST)


def has_succeeded(tasks: Sequence[JSON]) -> bool:
    """Whether every Task of a chain did; of one that was asked for once more, the last attempt counts."""
    asked_again = {task["retry_of"] for task in tasks}
    return all(task["status"] == Status.SUCCESS for task in tasks if task["id"] not in asked_again)


def print_pictures(tasks: Sequence[JSON]) -> None:
    """Print a chain as a tree with the addresses of its pictures."""
    print_chain(make_console(), tasks)


def wait_for_chain(
    api: Api,
    task: JSON,
    *,
    as_json: bool,
    timeout: float | None,
    tell: Callable[[Sequence[JSON]], None] = print_pictures,
) -> bool:
    """Wait, with progress bars, until the chain of a task has settled; `tell` of it. Gives whether all went well.

    `as_json` prints its Tasks and nothing else; `timeout` is in seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    console = make_console(stderr=True)
    try:
        with ChainProgress(console) as progress:

            def look(tasks: Sequence[JSON]) -> None:
                progress.look(tasks, read_waits(api, tasks) if console.is_terminal else {})

            for event in follow_chain(api, task["root_id"], deadline=deadline, look=look):
                progress.show(event["task"])
    except KeyboardInterrupt:
        click.echo(f"It goes on without you: ringback watch {task['root_id']}", err=True)
        raise
    tasks = api.read_chain(task["root_id"])
    if as_json:
        for each in tasks:
            print_json(each)
    else:
        tell(tasks)
    for each in tasks:
        _tell_trouble(each)
    if not is_chain_over(api, tasks):
        click.echo(f"Not over after {timeout:g} s. It goes on: ringback watch {task['root_id']}", err=True)
        waits = read_waits(api, tasks)
        for each in tasks:
            if each["id"] in waits:
                click.echo(tell_wait(each, waits[each["id"]]), err=True)
        return False
    return tell_firings(api, tasks) and has_succeeded(tasks)


def tell_wait(task: JSON, wait: Wait) -> str:
    """Give the line that says why a task waits."""
    return f"{name_task(task)} {task['id']} waits: {wait}."


def _tell_trouble(task: JSON) -> None:
    if task["submission"] == SubmissionState.LOST:
        why = "no sign of it came from its gateway; look there before you submit it again"
        click.echo(f"{name_task(task)} {task['id']} is lost: {why}.", err=True)
    elif task["status"] == Status.MODAL:
        why = f"it opened a window; to answer it: ringback modal {task['id']} --prompt TEXT"
        click.echo(f"{name_task(task)} {task['id']} needs you: {why}", err=True)


def tell_firings(api: Api, tasks: Sequence[JSON]) -> bool:
    """Say what is still to come and when, and what the chain's own `then` could not click; gives whether it could."""
    firings = [firing for task in tasks for firing in api.list_firings(task["id"])]
    for firing in firings:
        if firing["outcome"] == "deferred":
            who = "--then" if firing["rule"] == THEN else f"Rule {plain(firing['rule'])}"
            click.echo(f"{who} goes on at {firing['next_at']}: {plain(firing['detail'])}", err=True)
    blocked = [
        firing
        for firing in firings
        if firing["rule"] == THEN and firing["outcome"] == "blocked" and firing["reason"] != "exists"
    ]
    for firing in blocked:
        click.echo(f"--then was blocked: {plain(firing['detail'])}", err=True)
    return not blocked


class ChainProgress:
    """A bar for each task of a chain; nothing at all where no terminal shows it."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),  # a gateway's label may hold brackets
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            # What a gateway says may be long: this column is folded, and no other.
            TextColumn("{task.fields[word]}", markup=False, table_column=Column(overflow="fold")),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> "ChainProgress":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def look(self, tasks: Sequence[JSON], waits: Mapping[str, Wait]) -> None:
        """Show every task of the chain as it is; `waits` says by their ids why some wait."""
        for task in tasks:
            self.show(task, waits.get(task["id"]))

    def show(self, task: JSON, wait: Wait | None = None) -> None:
        """Show a task as an event told it."""
        if task["id"] not in self._rows:
            self._rows[task["id"]] = self._progress.add_task(name_task(task), total=100, word="")
        word = state_of(task).word + (f": {wait}" if wait else "")
        percent = 100 if task["status"] == Status.SUCCESS else task["progress"] or 0
        self._progress.update(self._rows[task["id"]], completed=percent, word=word)

"""A file of prompts, submitted: each row once, however often it is run."""

import hashlib
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal, NamedTuple

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.client import Api
from service.cli.failures import Refused, Unreachable
from service.cli.rows import Row
from service.cli.screen import make_console, plain, print_json
from storage.records import FAILURES, JSON

AT_ONCE: Final = 8  # rows on their way to the service
LINES_AT_MOST: Final = 10  # lines that a message names
NOT_SENT: Final = "it was not sent"
Result = Literal["opened", "known", "failed"]
_WORDS: Final[dict[Result, str]] = {"opened": "opened", "known": "there already", "failed": "failed"}


class Done(NamedTuple):
    """What came of a row."""

    line: int
    result: Result
    task: JSON | None
    detail: str | None  # why it failed


def identify(row: Row, order: JSON) -> str:
    """The `state` of a row's task: it stands for the prompt, the pictures and the bot, and for which of several rows
    that agree in these it is. Tags, gateways and modes do not make it another one.
    """
    bot = order["options"].get("bot_type")
    content = msgspec.json.encode([row.prompt, order["images"], bot, row.occurrence])
    return f"batch:{hashlib.sha256(content).hexdigest()}"


def submit_rows(api: Api, rows: Sequence[Row], order: JSON) -> list[Done]:
    """Open a task for every row that has none, with a progress bar; what came of each, in their order.

    The ledger knows a row again by its `state`, for ever: `once` lets it open a task only where none has that. When the
    service is away, what is left is not sent.
    """
    stop = threading.Event()

    def submit(row: Row) -> Done:
        if stop.is_set():
            return Done(row.line, "failed", None, NOT_SENT)
        wanted = order | {"prompt": row.prompt, "state": identify(row, order), "once": True}
        try:
            task, is_new = api.create("/v1/tasks", wanted, key=uuid.uuid4().hex)
        except Refused as refused:
            return Done(row.line, "failed", None, refused.message)
        except Unreachable as unreachable:
            stop.set()
            return Done(row.line, "failed", None, unreachable.message)
        return Done(row.line, "opened" if is_new else "known", task, None)

    console = make_console(stderr=True)
    bar = Progress(
        TextColumn("submitting"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            return list(bar.track(pool.map(submit, rows), total=len(rows)))
        except KeyboardInterrupt:
            stop.set()  # what is on its way arrives; the rest stays here
            click.echo("Stopped. Run it again to go on; no row is submitted twice.", err=True)
            raise


def report(done: Sequence[Done], *, as_json: bool) -> bool:
    """Say what came of all rows; gives whether none has failed."""
    if as_json:
        for each in done:
            print_json(each._asdict())
    counts = Counter(each.result for each in done)
    if not as_json:
        told = ", ".join(f"{counts[result]} {word}" for result, word in _WORDS.items())
        click.echo(f"{len(done)} rows: {told}.")
    ended = sum(1 for each in done if each.result == "known" and each.task and each.task["status"] in FAILURES)
    if ended:
        click.echo(f"{ended} of those there already did not succeed; they are not submitted again.", err=True)
    mistakes: dict[str, list[int]] = {}
    for each in done:
        if each.detail is not None:
            mistakes.setdefault(each.detail, []).append(each.line)
    for detail, lines in mistakes.items():
        click.echo(f"{_name_lines(lines)}: {plain(detail)}", err=True)
    return not mistakes


def _name_lines(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - LINES_AT_MOST} more" if len(lines) > LINES_AT_MOST else ""
    noun = "line" if len(lines) == 1 else "lines"
    return f"{noun} {', '.join(map(str, lines[:LINES_AT_MOST]))}{more}"

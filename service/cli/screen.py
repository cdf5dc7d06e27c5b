"""What verbs print: objects for scripts, consoles for people, and a chain as a tree."""

import re
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from service.cli.states import explain, state_of
from storage.records import JSON

PIPED_WIDTH: Final = 160  # columns where nobody says how wide the page is
UNFOLDED: Final = 20_000  # columns: the longest prompt there may be
_CONTROLS: Final = re.compile("[\x7f-\x9f]")  # what JSON itself leaves unescaped, and terminals obey
RULE: Final = "rule:"  # begins the origin of what a rule opened


def print_json(value: Any) -> None:
    """Print one object on a line of its own, at once, in UTF-8 whatever the locale."""
    line = msgspec.json.encode(value).decode()
    click.echo(_CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", line).encode())


def make_console(*, stderr: bool = False) -> Console:
    """A console that takes texts as they are; without a terminal it prints no ANSI and does not fold lines."""
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a locale that knows no Chinese gets "?", not a traceback
    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def print_table(table: Table) -> None:
    """Print a table; where no terminal shows it, its lines end where their words do."""
    console = make_console()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(map(str.rstrip, capture.get().splitlines())))


def plain(text: str | None) -> str:
    """A stranger's text on one line: nothing in it moves the cursor or changes colours."""
    return "".join(letter if letter.isprintable() else " " for letter in text or "")


def name_task(task: JSON) -> str:
    """What was asked for: the button of a click, the action of a root."""
    return plain(task["button"] or task["action"])


def tell_task(task: JSON, *, prompt: bool = False) -> Text:
    """A task on one line: its state, what it is, who asked for it, and what went wrong."""
    state = state_of(task)
    line = Text.assemble((state.shape, state.style), " ", (name_task(task), "bold"))
    if prompt:
        line.append(f"  {plain(task['prompt'])}")
    elif task["origin"].startswith(RULE):
        line.append(f"  (rule {plain(task['origin'].removeprefix(RULE))})", "dim")
    if reason := explain(task):
        line.append(f"  {plain(reason)}", state.style)
    return line


def draw_chain(tasks: Sequence[JSON], *, pictures: bool = True) -> Tree:
    """A chain as a tree, its root first in `tasks`. `pictures` adds the id and the picture of each task."""
    root, *others = tasks
    tree = Tree(_tell_node(root, prompt=True, pictures=pictures), guide_style="dim")
    nodes = {root["id"]: tree}
    for task in sorted(others, key=lambda each: (each["depth"], each["id"])):
        above = nodes.get(task["parent_id"], tree)
        nodes[task["id"]] = above.add(_tell_node(task, prompt=False, pictures=pictures))
    return tree


def print_chain(console: Console, tasks: Sequence[JSON], *, pictures: bool = True) -> None:
    """Print a chain as a tree whose lines, pictures' URLs above all, are never cut or folded by us."""
    console.width = UNFOLDED
    console.print(draw_chain(tasks, pictures=pictures), soft_wrap=True)


def _tell_node(task: JSON, *, prompt: bool, pictures: bool) -> Text:
    line = tell_task(task, prompt=prompt)
    line.no_wrap, line.overflow = not pictures, "ellipsis"
    if pictures:
        line.append(f"  {task['id']}", "dim")
        for url in (task["image_url"], *task["video_urls"]):
            if url:
                line.append(f"\n{plain(url)}", "dim")
    return line

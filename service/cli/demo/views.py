"""How the play is shown: live bars on a terminal, sparse lines anywhere else."""

import time
from typing import Final, Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from service.cli.screen import name_task, plain
from service.cli.states import RUNNING, SUCCEEDED, WAITING, State, state_of
from storage.records import JSON, Status

MILESTONE: Final = 50  # percent at which a line is printed; beside that only states are news
PROMPT_WIDTH: Final = 40  # columns of a prompt


class View(Protocol):
    """What the play is told to."""

    def show(self, task: JSON) -> None:
        """A Task, as it is now."""
        ...

    def say(self, text: str, style: str = "") -> None:
        """A sentence to the viewer."""
        ...


class Clock:
    """Seconds since the play began, as text."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._begun:5.1f} s"


class LinesView:
    """Lines, for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._clock = Clock()
        self._told: dict[str, tuple[str, bool]] = {}
        self._prompts: dict[str, str] = {}

    def show(self, task: JSON) -> None:
        """Print a line when the state of a task is another one, and one at half of its way."""
        state = state_of(task)
        stage = (state.word, state.word == "running" and (task["progress"] or 0) >= MILESTONE)
        if state is WAITING or self._told.get(task["id"]) == stage:
            return
        self._told[task["id"]] = stage
        percent = f" {task['progress']} %" if stage[1] else ""
        what = "" if task["parent_id"] is None else f"{name_task(task)} of "
        self._line(f"{state.shape} {what}{plain(task['prompt'])}: {state.word}{percent}")

    def say(self, text: str, style: str = "") -> None:
        """Print it."""
        self._line(text, style)

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text.assemble((f"{self._clock}  ", "dim"), (text, style)), soft_wrap=True)

    def __enter__(self) -> "LinesView":
        return self

    def __exit__(self, *_: object) -> None:
        return None


class BarsView:
    """A bar for each prompt, what follows from it beside it, and sentences above them."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            StateColumn("state"),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=22, complete_style=RUNNING.style, finished_style=SUCCEEDED.style),
            TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True)),
            StateColumn("follow_up", name_field="button"),
            console=console,
        )
        self._clock = Clock()
        self._rows: dict[str, TaskID] = {}

    def show(self, task: JSON) -> None:
        """Move its bar, or show it beside the bar of its root."""
        state = state_of(task)
        if task["parent_id"] is not None:
            self._progress.update(self._rows[task["root_id"]], follow_up=state, button=name_task(task))
            return
        if task["id"] not in self._rows:
            self._rows[task["id"]] = self._progress.add_task(
                _fit(plain(task["prompt"])), total=100, state=state, follow_up=None, button=""
            )
        percent = 100 if task["status"] == Status.SUCCESS else task["progress"] or 0
        self._progress.update(self._rows[task["id"]], completed=percent, state=state)

    def say(self, text: str, style: str = "") -> None:
        """Print it above the bars."""
        self._progress.console.print(Text.assemble((f"{self._clock}  ", "dim"), (text, style)))

    def __enter__(self) -> "BarsView":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class StateColumn(ProgressColumn):
    """The State in a field of a row: its shape, and where there is one, the name before it."""

    def __init__(self, field: str, *, name_field: str | None = None) -> None:
        super().__init__(Column(no_wrap=True))
        self._field = field
        self._name_field = name_field

    def render(self, task: Task) -> Text:
        """Draw it."""
        state: State | None = task.fields[self._field]
        if state is None:
            return Text()
        name = f"→ {task.fields[self._name_field]} " if self._name_field else ""
        return Text.assemble((name, "dim"), (state.shape, state.style))


def make_view(console: Console) -> LinesView | BarsView:
    """The view that fits where the console prints."""
    return BarsView(console) if console.is_terminal else LinesView(console)


def _fit(prompt: str) -> str:
    """A prompt in its width: Chinese characters take two columns each."""
    text = Text(prompt)
    text.truncate(PROMPT_WIDTH, overflow="ellipsis", pad=cell_len(prompt) < PROMPT_WIDTH)
    return text.plain

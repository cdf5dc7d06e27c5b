"""How the play is shown."""

import io

import pytest
from rich.console import Console

from service.cli.demo.views import BarsView, LinesView, make_view


@pytest.fixture
def page():
    return Console(file=io.StringIO(), width=80, markup=False)


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), width=80, markup=False, force_terminal=True)


def test_lines_are_sparse_and_without_ansi(page, a_task, a_child):
    view = make_view(page)
    assert isinstance(view, LinesView)
    with view:
        view.show(a_task(status="NOT_START", progress=None))
        for percent in (0, 31, 62, 93):
            view.show(a_task(status="IN_PROGRESS", progress=percent))
        view.show(a_task())
        view.show(a_child())
        view.say("SIGKILL", "bold red")
    lines = [line.partition(" s  ")[2] for line in page.file.getvalue().splitlines()]
    assert lines == [
        "◔ 一只猫: running",
        "◔ 一只猫: running 62 %",
        "✓ 一只猫: succeeded",
        "✓ U1 of 一只猫: succeeded",
        "SIGKILL",
    ]


def test_a_terminal_shows_a_bar_for_each_prompt_and_its_follow_up_beside_it(terminal, a_task, a_child):
    view = make_view(terminal)
    assert isinstance(view, BarsView)
    with view:
        view.show(a_task(prompt="[red]猫 " * 30, status="IN_PROGRESS", progress=31))
        view.show(a_task())
        view.show(a_child(status="IN_PROGRESS"))
        view.say("the server is back")
    shown = terminal.file.getvalue()
    assert "the server is back" in shown
    last = [line for line in shown.splitlines() if "100 %" in line][-1]
    assert "[red]猫" in last
    assert "U1" in last
    assert "◔" in last

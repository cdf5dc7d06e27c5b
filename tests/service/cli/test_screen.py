"""What verbs print."""

import io
import json

import pytest
from rich.console import Console

from service.cli.screen import draw_chain, make_console, plain, print_chain, print_json
from service.cli.states import is_settled, state_of


def draw(renderable, **options):
    console = Console(file=io.StringIO(), width=100, markup=False, emoji=False, **options)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("status", "submission", "word", "shape"),
    [
        ("NOT_START", "planned", "waiting", "○"),
        ("SUBMITTED", "accepted", "running", "◔"),
        ("IN_PROGRESS", "accepted", "running", "◔"),
        ("MODAL", "accepted", "needs you", "◑"),
        ("SUCCESS", "accepted", "succeeded", "✓"),
        ("SUCCESS", "lost", "succeeded", "✓"),
        ("FAILURE", "rejected", "failed", "✗"),
        ("CANCEL", "accepted", "cancelled", "⊘"),
        ("NOT_START", "unknown", "unknown", "?"),
        ("IN_PROGRESS", "lost", "lost", "?"),
        ("冬眠", "accepted", "unknown", "?"),
    ],
)
def test_a_state_has_a_word_and_a_shape(a_task, status, submission, word, shape):
    state = state_of(a_task(status=status, submission=submission))
    assert (state.word, state.shape) == (word, shape)


def test_what_is_lost_is_settled_and_what_is_in_doubt_is_not(a_task):
    assert is_settled(a_task(status="NOT_START", submission="lost"))
    assert not is_settled(a_task(status="NOT_START", submission="unknown"))


def test_a_chain_is_a_tree_that_names_rules_failures_and_pictures(a_task, a_child):
    failed = a_child(
        id="8000000000000003", parent_id="8000000000000002", depth=2, button="⬅️", origin="then", status="FAILURE",
        fail_reason="任务超时",
    )  # fmt: skip
    tree = draw(draw_chain([a_task(image_url="http://g/1.png"), failed, a_child(image_url="http://g/2.png")]))
    assert tree == (
        "✓ IMAGINE  一只猫  8000000000000001\n"
        "http://g/1.png\n"
        "└── ✓ U1  (rule first-pick)  8000000000000002\n"
        "    http://g/2.png\n"
        "    └── ✗ ⬅️  任务超时  8000000000000003\n"
    )


def test_a_strangers_text_moves_no_cursor(a_task):
    assert plain("a\x1b[2Jb\r\nc\u202ed") == "a [2Jb  c d"
    assert "\x1b" not in draw(draw_chain([a_task(prompt="\x1b[31mred", fail_reason="\x07\x1b]0;x\x07")]))


def test_brackets_in_a_prompt_are_text(a_task):
    assert "[bold]猫[/bold] :cat:" in draw(draw_chain([a_task(prompt="[bold]猫[/bold] :cat:")]))


def test_without_a_terminal_there_is_no_ansi_and_no_folding(capsys):
    console = make_console()
    console.print("猫" * 70, style="bold red")
    assert capsys.readouterr().out == "猫" * 70 + "\n"


def test_objects_are_printed_in_utf8_on_one_line(capsysbinary):
    print_json({"prompt": "一只猫\n", "at": 1})
    assert capsysbinary.readouterr().out == '{"prompt":"一只猫\\n","at":1}\n'.encode()


def test_objects_hold_no_control_of_a_terminal_and_are_the_same_objects(capsysbinary):
    said = {"why": "\x1b[2J\x9b31m\x7f\x00", "一\x80": "\n"}
    print_json(said)
    printed = capsysbinary.readouterr().out.decode()
    assert printed.rstrip("\n").isprintable()
    assert json.loads(printed) == said


def test_a_pictures_url_is_whole_however_narrow_the_terminal(a_task):
    picture = "http://g/" + "x" * 300 + ".png"
    console = Console(file=io.StringIO(), width=40, force_terminal=True, markup=False, emoji=False)
    print_chain(console, [a_task(image_url=picture)])
    assert picture in console.file.getvalue()

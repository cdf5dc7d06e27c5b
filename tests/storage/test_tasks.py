"""Looking for tasks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.actions import action_of
from storage.errors import NoSuchTask, TooManyTags
from storage.openings import open_click
from storage.submissions import lose_task
from storage.tasks import MOST_TAGS, add_tags, list_chain, list_tasks, read_task, remove_tags

FOREVER = 10**15  # milliseconds; later than any news of these tests

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture(scope="module")
def shelf(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    """Five tasks, told apart by their names in `state`."""
    ledger = open_shared_ledger()
    ledger.open(state="cat", prompt="一只红色的猫，水墨画 --ar 16:9", tags=("红", "sale"))
    ledger.open(state="dog", prompt="A Red DOG 100% _sharp_", tags=("sale-2",), gateway="deerapi")
    ledger.open_accepted("g3", state="begun", prompt=None, action="DESCRIBE")
    grid = ledger.open_grid("g4", state="grid", prompt="Ünïcode 🐈‍⬛ 'quoted' \"so\" \\ 100")
    ledger.do(open_click, grid, ledger.grid[0], origin="api")
    return ledger


def found(ledger: "Ledger", **filters: Any) -> list[str]:
    return [f"{task.state}{'/' + task.button if task.button else ''}" for task in ledger.ask(list_tasks, **filters)]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["grid/U1", "grid", "begun", "dog", "cat"]),
        ({"limit": 2}, ["grid/U1", "grid"]),
        ({"status": ["SUCCESS"]}, ["grid"]),
        ({"status": ["SUCCESS", "NOT_START"], "action": ["UPSCALE", "DESCRIBE"]}, ["grid/U1", "begun"]),
        ({"status": ["宇宙"]}, []),
        ({"action": ["IMAGINE"]}, ["grid", "dog", "cat"]),
        ({"tag": "sale"}, ["cat"]),
        ({"tag": "红"}, ["cat"]),
        ({"tag": "sal"}, []),
        ({"tag": '"sale"'}, []),
        ({"gateway": "deerapi"}, ["dog"]),
        ({"state": "cat"}, ["cat"]),
        ({"state": ""}, []),
        ({"q": "猫"}, ["cat"]),
        ({"q": "红色的猫，水墨"}, ["cat"]),
        ({"q": "red dog"}, ["dog"]),
        ({"q": "0% _S"}, ["dog"]),
        ({"q": "%"}, ["dog"]),
        ({"q": "_"}, ["dog"]),
        ({"q": "'quoted' \"so\" \\"}, ["grid/U1", "grid"]),
        ({"q": "🐈‍⬛"}, ["grid/U1", "grid"]),
        ({"q": ""}, ["grid/U1", "grid", "begun", "dog", "cat"]),
        ({"q": "'; DROP TABLE tasks; --"}, []),
        ({"q": "100", "gateway": "g", "limit": 1}, ["grid/U1"]),
    ],
)
def test_filters_narrow_and_combine(shelf: "Ledger", filters: dict[str, Any], names: list[str]) -> None:
    assert found(shelf, **filters) == names


def test_pages_go_on_where_the_last_one_ended(shelf: "Ledger") -> None:
    pages, before = [], None
    while page := shelf.ask(list_tasks, before=before, limit=2):
        pages.append([task.id for task in page])
        before = page[-1].id
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page] == [task.id for task in shelf.ask(list_tasks)]


def test_a_chain_is_whole_from_each_of_its_tasks(shelf: "Ledger") -> None:
    child, grid = shelf.ask(list_tasks, limit=2)
    assert shelf.ask(list_chain, grid.id) == shelf.ask(list_chain, child.id) == [grid, child]
    assert found(shelf, root=grid.id) == ["grid/U1", "grid"]


def test_a_task_that_is_not_there_is_said(shelf: "Ledger") -> None:
    for query in (read_task, list_chain):
        with pytest.raises(NoSuchTask, match="no task 猫 in this ledger"):
            shelf.ask(query, "猫")


def test_a_gateway_that_keeps_silent_about_the_end_gets_our_time(ledger: "Ledger") -> None:
    task, told = ledger.open_accepted(), ledger.open_accepted()
    ledger.clock.now += 9
    ledger.record(task, status="SUCCESS", progress=100)
    ledger.record(told, status="SUCCESS", progress=100, finished_at=1_799_999_999_000)
    assert ledger.task(task).finished_at == 1_800_000_009_000
    assert ledger.task(told).finished_at == 1_799_999_999_000


def test_what_a_task_was_opened_with_comes_out_again(ledger: "Ledger") -> None:
    given: dict[str, Any] = {
        "gateway": "快问问",
        "action": "宇宙",
        "prompt": "一只猫\n\ttab 'quote' --ar 16:9 " + "长" * 20_000,
        "params": {"ar": "16:9", "tile": True, "深": {"n": [1, 2.5, None]}},
        "origin": "facade",
        "tags": ("红", "", "a b", '"'),
        "state": "  ünï\u2028 ",
    }
    task = ledger.task(ledger.open(**given))
    assert {name: getattr(task, name) for name in given} == given
    assert (task.status, task.submission, task.depth, task.root_id) == ("NOT_START", "planned", 0, task.id)
    assert task.created_at == task.updated_at == ledger.store.now()


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("upsample", "UPSCALE"),
        ("upsample_v6_2x_subtle", "UPSCALE"),
        ("low_variation", "VARIATION"),
        ("pan_left", "PAN"),
        ("animate_high_extend", "VIDEO"),
        ("Outpaint", "ZOOM"),
        ("", "ACTION"),
        ("of the future", "ACTION"),
    ],
)
def test_a_click_opens_the_action_that_its_button_stands_for(kind: str, action: str) -> None:
    assert action_of(kind) == action


def test_a_click_on_a_button_without_a_label_is_named_by_what_it_shows(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    child, _ = ledger.do(open_click, grid, ledger.grid[8], origin="api")
    assert (child.button, child.action, child.index) == ("🔄", "REROLL", None)


def test_an_ended_or_lost_task_is_settled_and_an_accepted_one_is_not(ledger: "Ledger") -> None:
    ended, lost = ledger.open_accepted(), ledger.open_accepted()
    assert not ended.settled
    ledger.record(ended, status="CANCEL")
    ledger.do(lose_task, lost.id, reason="silence", silent_since=FOREVER)
    assert (ledger.task(ended).settled, ledger.task(ended).ended) == (True, True)
    assert (ledger.task(lost).settled, ledger.task(lost).ended) == (True, False)


def test_tags_are_added_behind_those_that_are_there_and_taken_away(ledger: "Ledger") -> None:
    task = ledger.open_accepted(tags=("红", "sale"))
    told = ledger.events(task)
    assert ledger.do(add_tags, task.id, ("sale", "鞋", "鞋")) == ledger.task(task)
    assert ledger.task(task).tags == ("红", "sale", "鞋")
    assert ledger.ask(list_tasks, tag="鞋") == [ledger.task(task)]
    assert ledger.do(remove_tags, task.id, ("红", "nobody's")).tags == ledger.task(task).tags == ("sale", "鞋")
    assert ledger.events(task) == told, "what was told stays as it was"
    ledger.record(task, status="IN_PROGRESS", progress=1)
    shown = [event.task.tags for event in ledger.events(task) if event.task]
    assert shown == [("红", "sale"), ("sale", "鞋")]


def test_tags_of_a_task_of_which_nothing_was_told_yet_are_in_its_first_event(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.do(add_tags, task.id, ("鞋",))
    ledger.claim()
    ledger.record(task, status="IN_PROGRESS", progress=1)
    assert {event.task.tags for event in ledger.events(task) if event.task} == {("鞋",)}


def test_a_task_has_so_many_tags_and_no_more(ledger: "Ledger") -> None:
    many = tuple(f"t{number}" for number in range(MOST_TAGS))
    task = ledger.open(tags=many)
    assert ledger.do(add_tags, task.id, many[:3]).tags == many
    with pytest.raises(TooManyTags, match="50 tags"):
        ledger.do(add_tags, task.id, ("one more",))
    for verb in (add_tags, remove_tags):
        with pytest.raises(NoSuchTask):
            ledger.do(verb, "8000000000000001", ("x",))

"""Clicks by what a button does, and windows, against a simulated gateway."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.journey

Picture = Callable[[str], str]
INPAINT = "Vary (Region)"


@pytest.fixture(scope="module")
def grid(simulated: Any) -> dict[str, Any]:
    return dict(simulated.ask(prompt="a grid"))


@pytest.fixture(scope="module")
def single(simulated: Any, grid: dict[str, Any]) -> dict[str, Any]:
    """An upscaled picture, whose buttons open windows."""
    return dict(simulated.wait(click(simulated, grid, button="U1").json()["id"]))


def click(simulated: Any, task: dict[str, Any], **body: Any) -> Any:
    return simulated.ringback.post(f"/v1/tasks/{task['id']}/click", body)


def test_a_button_is_clicked_by_what_it_does(simulated: Any, grid: dict[str, Any]) -> None:
    first = click(simulated, grid, kind="upsample", index=2)
    again = click(simulated, grid, button="U2")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert simulated.wait(first.json()["id"])["index"] == 2
    assert simulated.wait(click(simulated, grid, kind="reroll").json()["id"])["action"] == "REROLL"


def test_where_no_buttons_are_shown_kinds_are_changes(ringback: Any) -> None:
    grid = ringback.succeed(ringback.open()["id"], buttons=[])
    child = ringback.post(f"/v1/tasks/{grid['id']}/click", {"kind": "variation", "index": 3}).json()
    assert ringback.gateway.wait_for(child["id"])["action"] == "VARIATION"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "button: say which one"),
        ({"button": "U1", "kind": "upsample"}, "button: say which one"),
        ({"button": "U1", "index": 1}, "index: it goes with `kind`"),
        ({"kind": "upsample"}, "button: several buttons are 'upsample'; say which by its index"),
        ({"kind": "upsample", "index": 9}, "button: there is no button 'upsample 9' on this task"),
        ({"kind": "upsampel", "index": 1}, "button: there is no button 'upsampel 1' on this task"),
        ({"button": "U1", "prompt": "x"}, "prompt: the button 'U1' opens no window that takes one"),
        ({"button": "V1", "mask": "!"}, "mask: it is neither"),
        ({"button": "V1", "mask": "jpeg"}, "mask: it is image/jpeg; a mask is a PNG"),
    ],
)
def test_a_click_that_makes_no_sense_is_explained(
    simulated: Any, grid: dict[str, Any], jpeg: str, body: dict[str, Any], says: str
) -> None:
    if body.get("mask") == "jpeg":
        body = body | {"mask": jpeg}
    answer = click(simulated, grid, **body)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_a_window_is_answered_with_its_click(simulated: Any, single: dict[str, Any], picture: Picture) -> None:
    child = click(simulated, single, button=INPAINT, prompt="with a hat", mask=picture("mask")).json()
    ended = simulated.wait(child["id"])
    assert (ended["status"], ended["action"]) == ("SUCCESS", "INPAINT")
    assert simulated.endpoints(child["id"]) == ["action", "modal"]
    kinds = simulated.ringback.get(f"/v1/tasks/{child['id']}/submissions").json()["submissions"]
    assert [(each["kind"], each["state"]) for each in kinds] == [("submit", "accepted"), ("modal", "accepted")]


def test_a_window_waits_for_its_answer(simulated: Any, single: dict[str, Any], picture: Picture) -> None:
    child = click(simulated, single, button=INPAINT).json()
    assert simulated.wait_for_window(child["id"])["status"] == "MODAL"
    path = f"/v1/tasks/{child['id']}/modal"
    key = {"Idempotency-Key": "window-1"}
    body = {"prompt": "戴帽子", "mask": picture("mask")}
    first, again = (simulated.ringback.post(path, body, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.json()["id"], first.json()["submission"]) == (child["id"], "planned")
    assert again.json() == first.json()
    assert simulated.wait(child["id"])["status"] == "SUCCESS"
    assert simulated.endpoints(child["id"]) == ["action", "modal"]
    late = simulated.ringback.post(path, body)
    assert late.status_code == 409
    assert "It has no open window: it is SUCCESS." in late.json()["detail"]


def test_a_variation_asked_with_a_prompt_opens_a_window_and_answers_it(simulated: Any, grid: dict[str, Any]) -> None:
    child = click(simulated, grid, button="V2", prompt="at night").json()
    assert simulated.wait(child["id"])["status"] == "SUCCESS"
    assert simulated.endpoints(child["id"]) == ["action", "modal"]


def test_a_rule_opens_no_window_that_nobody_answers(ringback: Any) -> None:
    grid = ringback.grid(then=["Vary (Region)"])
    (firing,) = ringback.get(f"/v1/tasks/{grid['id']}/firings").json()["firings"]
    assert firing["outcome"] == "blocked"
    assert "opens a window" in firing["detail"]


def test_a_task_without_a_window_takes_no_answer(ringback: Any) -> None:
    task = ringback.open()
    ringback.call_back(task["id"], "IN_PROGRESS", progress="1%")
    answer = ringback.post(f"/v1/tasks/{task['id']}/modal", {"prompt": "x"})
    assert answer.status_code == 409
    assert "It has no open window: it is IN_PROGRESS." in answer.json()["detail"]
    assert ringback.post("/v1/tasks/8999999999999999/modal", {}).status_code == 404

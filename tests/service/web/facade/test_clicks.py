"""Clicks and windows, as the gateways' own bodies ask for them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.facade.answers import Refusal
from service.web.facade.clicks import READERS, choose_button, read_click, read_window
from storage.records import Button, Task

U2 = Button(label="U2", custom_id="MJ::JOB::upsample::2::abc", kind="upsample", index=2)
V3 = Button(label="V3", custom_id="MJ::JOB::variation::3::abc", kind="variation", index=3)
AGAIN = Button(label="", emoji="🔄", custom_id="MJ::JOB::reroll::0::abc::SOLO", kind="reroll")
STRANGE = Button(label="Fly", custom_id="MJ::Fly::abc", kind="")


def parent(*buttons: Button) -> Task:
    values = {"id": "8000000000000001", "root_id": "8000000000000001", "gateway": "g", "action": "IMAGINE"}
    return Task(**values, origin="facade", status="SUCCESS", created_at=1, updated_at=1, buttons=buttons)


def choose(endpoint: str, body: dict[str, Any], *buttons: Button) -> Button:
    return choose_button(parent(*buttons), read_click(endpoint, body, None))


@pytest.mark.parametrize(
    ("endpoint", "body", "button"),
    [
        ("action", {"taskId": "1", "customId": U2.custom_id}, U2),
        ("action", {"taskId": "1", "customId": STRANGE.custom_id}, STRANGE),
        ("change", {"action": "UPSCALE", "index": 2, "notifyHook": "", "state": "", "taskId": "1"}, U2),
        ("change", {"action": "VARIATION", "index": "3", "taskId": 1}, V3),
        ("change", {"action": "REROLL", "taskId": "1"}, AGAIN),
        ("change", {"action": "REROLL", "index": 1, "taskId": "1"}, AGAIN),
        ("simple-change", {"content": "1 U2"}, U2),
        ("simple-change", {"content": "1 v3"}, V3),
        ("simple-change", {"content": "1 R"}, AGAIN),
    ],
)
def test_the_button_that_is_meant_is_found(endpoint: str, body: dict[str, Any], button: Button) -> None:
    assert read_click(endpoint, body, None).parent == "1"
    assert choose(endpoint, body, U2, V3, AGAIN, STRANGE) == button


def test_a_custom_id_that_a_client_put_together_is_handed_on() -> None:
    button = choose("action", {"taskId": "1", "customId": "MJ::Inpaint::1::x::SOLO"}, U2)
    assert (button.custom_id, button.kind, button.opens_modal) == ("MJ::Inpaint::1::x::SOLO", "Inpaint", True)


def test_a_task_without_buttons_takes_changes_alone() -> None:
    assert choose("change", {"taskId": "1", "action": "UPSCALE", "index": 2}).custom_id is None
    for custom_id, kind, index in (
        ("MJ::JOB::upsample::2::x", "upsample", 2),
        ("MJ::JOB::variation::4::x", "variation", 4),
        ("MJ::JOB::reroll::0::x::SOLO", "reroll", None),
    ):
        button = choose("action", {"taskId": "1", "customId": custom_id})
        assert (button.custom_id, button.kind, button.index) == (None, kind, index)
    kept = choose("action", {"taskId": "1", "customId": "MJ::Outpaint::50::1::x::SOLO"})
    assert kept.custom_id == "MJ::Outpaint::50::1::x::SOLO"


@pytest.mark.parametrize(
    ("endpoint", "body", "said"),
    [
        ("action", {"customId": "x"}, "参数错误"),
        ("action", {"taskId": "1"}, "参数错误"),
        ("action", {"taskId": "1", "customId": f"MJ::JOB::reroll::{'0' * 255}"}, "参数错误"),
        ("action", {"taskId": "1", "customId": "x"}, "未知的 Action 类型"),
        ("change", {"action": "UPSCALE", "index": 1}, "taskId不能为空"),
        ("change", {"taskId": "1", "action": "ZOOM", "index": 1}, "action参数错误"),
        ("change", {"taskId": "1", "index": 1}, "action参数错误"),
        ("change", {"taskId": "1", "action": "UPSCALE"}, "index参数错误"),
        ("change", {"taskId": "1", "action": "UPSCALE", "index": 5}, "index参数错误"),
        ("change", {"taskId": "1", "action": "UPSCALE", "index": 4}, "关联任务不允许执行变化"),
        ("simple-change", {}, "content参数错误"),
        ("simple-change", {"content": "1"}, "content参数错误"),
        ("simple-change", {"content": "1  U1"}, "content参数错误"),
        ("simple-change", {"content": "1 U5"}, "content参数错误"),
        ("simple-change", {"content": " U1"}, "content参数错误"),
    ],
)
def test_a_click_that_cannot_be_is_refused_in_a_gateways_words(endpoint: str, body: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        choose(endpoint, body, U2)
    assert (str(refused.value), refused.value.code) == (said, 4)


def test_what_a_click_says_besides_is_kept() -> None:
    body = {"taskId": "1", "customId": "x", "enableRemix": True, "state": "mine", "notifyHook": "https://c/hook"}
    click = read_click("action", body, "relax")
    assert (click.options, click.state, click.hook) == (
        {"mode": "relax", "extra": {"enableRemix": True}},
        "mine",
        "https://c/hook",
    )


def test_a_windows_answer_may_be_empty() -> None:
    window = read_window({"maskBase64": "", "prompt": "", "taskId": "14001934816969359"})
    assert (window.task, window.prompt, window.mask) == ("14001934816969359", None, None)
    with pytest.raises(Refusal, match="taskId不能为空"):
        read_window({"prompt": "a"})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_NAMES = ("taskId", "customId", "action", "index", "content", "state", "notifyHook", "accountFilter")


@given(st.sampled_from(sorted(READERS)), st.dictionaries(st.sampled_from(_NAMES), _JSON))
def test_no_body_is_anything_but_a_click_or_refused(endpoint: str, body: dict[str, Any]) -> None:
    try:
        assert choose(endpoint, body, U2).kind
    except Refusal as refused:
        assert str(refused)

"""The gateways' own request bodies, read as they read them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.facade.answers import Refusal
from service.web.facade.orders import READERS, read_order

A, B = "data:image/png;base64,AA==", "data:image/png;base64,BB=="


@pytest.mark.parametrize(
    ("endpoint", "body", "action", "prompt", "pictures", "options"),
    [
        # As the gateways' own pages print them.
        ("imagine", {"base64Array": [], "notifyHook": "", "prompt": "Cat", "state": ""}, "IMAGINE", "Cat", (), {}),
        ("imagine", {"base64Array": [], "prompt": "black cat"}, "IMAGINE", "black cat", (), {}),
        ("imagine", {"prompt": " 一只猫 ", "base64": A}, "IMAGINE", "一只猫", (A,), {}),
        (
            "imagine",
            {"prompt": "a", "botType": "niji", "accountFilter": {"modes": ["FAST"]}, "noStorage": True, "mode": ""},
            "IMAGINE",
            "a",
            (),
            {
                "bot_type": "NIJI_JOURNEY",
                "mode": "fast",
                "extra": {"accountFilter": {"modes": ["FAST"]}, "noStorage": True},
            },
        ),
        ("blend", {"base64Array": [A, B], "dimensions": "PORTRAIT"}, "BLEND", None, (A, B), {"dimensions": "PORTRAIT"}),
        ("describe", {"base64": A, "botType": "MID_JOURNEY"}, "DESCRIBE", None, (A,), {"bot_type": "MID_JOURNEY"}),
        ("describe", {"link": "https://a/b.png"}, "DESCRIBE", None, ("https://a/b.png",), {}),
        ("shorten", {"prompt": "long"}, "SHORTEN", "long", (), {}),
        ("edits", {"image": A, "prompt": "a hat"}, "EDIT", "a hat", (A,), {}),
        ("retexture", {"image": A, "prompt": "of wood"}, "RETEXTURE", "of wood", (A,), {}),
        (
            "video",
            {"prompt": "go", "image": A, "motion": "low", "videoType": "vid_1.1_i2v_720"},
            "VIDEO",
            "go",
            (A,),
            {"extra": {"motion": "low", "videoType": "vid_1.1_i2v_720"}},
        ),
        ("swap", {"sourceBase64": A, "targetBase64": B}, "SWAP_FACE", None, (A, B), {}),
        ("upload-discord-images", {"base64Array": [A]}, "UPLOAD", None, (A,), {}),
    ],
)
def test_a_body_becomes_the_order_that_it_is(
    endpoint: str,
    body: dict[str, Any],
    action: str,
    prompt: str | None,
    pictures: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    order = read_order(endpoint, body, None)
    assert (order.action.name, order.prompt, order.pictures, order.options) == (action, prompt, pictures, options)
    assert (order.state, order.hook) == (None, None)


def test_a_mode_of_the_path_and_the_clients_own_state_and_hook_are_kept() -> None:
    order = read_order("imagine", {"prompt": "a", "state": 5, "notifyHook": "https://c/hook"}, "relax")
    assert (order.options, order.state, order.hook) == ({"mode": "relax"}, "5", "https://c/hook")


@pytest.mark.parametrize(
    ("mode", "modes", "chosen", "handed_on"),
    [
        (None, ["RELAX"], "relax", ["RELAX"]),
        (None, ["RELAX", "FAST"], None, ["RELAX", "FAST"]),  # the gateway chooses
        (None, ["SLOW"], None, ["SLOW"]),
        (None, "RELAX", None, "RELAX"),
        ("turbo", ["RELAX"], "turbo", ["TURBO"]),
    ],
)
def test_the_mode_of_the_path_goes_before_that_of_an_account_filter(
    mode: Any, modes: Any, chosen: str | None, handed_on: Any
) -> None:
    body = {"prompt": "a", "accountFilter": {"modes": modes, "remark": "mine"}}
    options = read_order("imagine", body, mode).options
    assert options.get("mode") == chosen
    assert options["extra"] == {"accountFilter": {"modes": handed_on, "remark": "mine"}}


def test_a_video_goes_on_from_a_task_and_one_of_its_pictures() -> None:
    order = read_order("video", {"prompt": "on", "action": "extend", "taskId": 8000000000000001, "index": 0}, None)
    assert (order.parent, order.options) == ("8000000000000001", {"index": 0})


@pytest.mark.parametrize(
    ("endpoint", "body", "said"),
    [
        ("imagine", {}, "prompt不能为空"),
        ("imagine", {"prompt": " "}, "prompt不能为空"),
        ("imagine", {"prompt": "a" * 20_001}, "prompt过长，最大20000字符"),
        ("imagine", {"prompt": "a", "remark": "x" * 16_384}, "参数过长，最大16384字节"),
        ("imagine", {"prompt": "a", "base64Array": [1]}, "base64Array参数错误"),
        ("imagine", {"prompt": "a", "state": "x" * 1001}, "State参数过长，最大1000字符"),
        ("imagine", {"prompt": "a", "notifyHook": "x" * 2001}, "NotifyHook参数过长，最大2000字符"),
        ("imagine", {"prompt": "a", "base64Array": [A] * 6}, "base64Array参数错误"),
        ("blend", {"base64Array": [A]}, "base64List参数错误"),
        ("blend", {"base64Array": [A, B], "dimensions": "ROUND"}, "dimensions参数错误"),
        ("describe", {}, "base64不能为空"),
        ("edits", {"prompt": "a"}, "image不能为空"),
        ("video", {"prompt": "a", "taskId": "1", "index": 0}, "任务类型错误"),
        ("video", {"prompt": "a", "taskId": "1", "action": "extend", "index": 4}, "index参数错误"),
        ("video", {"prompt": "a", "taskId": "1", "action": "extend", "index": True}, "index参数错误"),
        ("swap", {"sourceBase64": A}, "sourceBase64和targetBase64不能为空"),
        ("upload-discord-images", {}, "base64Array不能为空"),
    ],
)
def test_a_body_that_cannot_be_is_refused_in_a_gateways_words(endpoint: str, body: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_order(endpoint, body, None)
    assert str(refused.value) == said


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_NAMES = ("prompt", "base64Array", "base64", "image", "taskId", "action", "index", "state", "notifyHook", "botType")


@given(st.sampled_from(sorted(READERS)), st.dictionaries(st.sampled_from(_NAMES), _JSON))
def test_no_body_is_anything_but_an_order_or_refused(endpoint: str, body: dict[str, Any]) -> None:
    try:
        order = read_order(endpoint, body, None)
    except Refusal as refused:
        assert str(refused)
    else:
        assert order.action.prompt != "required" or order.prompt

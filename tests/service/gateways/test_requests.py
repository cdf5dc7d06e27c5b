"""What is POSTed."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from service.gateways.actions import ACTIONS, make_body
from service.gateways.presets import Gateway
from service.gateways.requests import find_nameless, list_attachments, make_request, mode_of
from storage.queue import Claim

MakeClaim = Callable[..., Claim]
HOOK = "https://ringback.example/hooks/x"
TASK = "8000000000000017"
U2 = {
    "label": "U2",
    "emoji": "",
    "custom_id": "MJ::JOB::upsample::2::x",
    "kind": "upsample",
    "index": 2,
    "opens_modal": False,
}
GATEWAY = Gateway(name="g", url="https://g", key="k", auth="raw")


def test_a_root_is_imagined_under_our_own_id(make_claim: MakeClaim) -> None:
    path, _, body = make_request(make_claim(), HOOK, GATEWAY)
    assert path == "/submit/imagine"
    assert body == {"prompt": "一只猫 --ar 1:1", "state": TASK, "notifyHook": HOOK}


def test_a_button_is_clicked_by_its_custom_id(make_claim: MakeClaim) -> None:
    path, _, body = make_request(make_claim(button=U2, parent="17"), HOOK, GATEWAY)
    assert path == "/submit/action"
    assert body == {"customId": "MJ::JOB::upsample::2::x", "taskId": "17", "state": TASK, "notifyHook": HOOK}


@pytest.mark.parametrize(
    ("kind", "index", "action", "sent"),
    [
        ("upsample", 3, "UPSCALE", 3),
        ("variation", 4, "VARIATION", 4),
        ("reroll", None, "REROLL", 1),  # new-api refuses a reroll without an index
    ],
)
def test_a_button_without_a_custom_id_is_a_change(
    make_claim: MakeClaim, kind: str, index: int | None, action: str, sent: int
) -> None:
    button = U2 | {"custom_id": None, "kind": kind, "index": index}
    path, _, body = make_request(make_claim(button=button, parent="17"), HOOK, GATEWAY)
    assert path == "/submit/change"
    assert body == {"action": action, "index": sent, "taskId": "17", "state": TASK, "notifyHook": HOOK}


@pytest.mark.parametrize("claim", [{}, {"button": U2, "parent": "17"}])
def test_hookless_names_no_hook(make_claim: MakeClaim, claim: dict[str, Any]) -> None:
    assert "notifyHook" not in make_request(make_claim(**claim), None, GATEWAY).body


def test_a_button_that_nothing_can_press_is_refused_by_name(make_claim: MakeClaim) -> None:
    button = {"label": "Dance", "emoji": "", "custom_id": None, "kind": "", "index": None}
    with pytest.raises(ValueError, match="'Dance' came without a customId"):
        make_request(make_claim(button=button, parent="17"), HOOK, GATEWAY)


# --- every action

NAME, URL = "a" * 64, "https://cdn.example/1.png"
DATA = "data:image/png;base64,iVBORw=="
PAIR = [NAME, URL]
OPTIONS = {"bot_type": "NIJI_JOURNEY"}
# action, prompt, options, pictures, path, body
ASKED: list[tuple[str, str | None, dict[str, Any], list[str], str, dict[str, Any]]] = [
    ("IMAGINE", "猫", {}, [], "imagine", {"prompt": "猫"}),
    ("IMAGINE", "猫", {}, PAIR, "imagine", {"prompt": "猫", "base64Array": [DATA, URL]}),
    ("IMAGINE", "猫", OPTIONS, [], "imagine", {"prompt": "猫", "botType": "NIJI_JOURNEY"}),
    ("BLEND", None, {}, PAIR, "blend", {"base64Array": [DATA, URL]}),
    (
        "BLEND",
        None,
        OPTIONS | {"dimensions": "PORTRAIT"},
        PAIR,
        "blend",
        {"base64Array": [DATA, URL], "dimensions": "PORTRAIT", "botType": "NIJI_JOURNEY"},
    ),
    ("DESCRIBE", None, {"language": "zh"}, [NAME], "describe", {"base64": DATA, "language": "zh"}),
    ("SHORTEN", "猫 猫", {}, [], "shorten", {"prompt": "猫 猫"}),
    ("EDIT", "帽子", {}, [URL], "edits", {"prompt": "帽子", "image": URL}),
    ("RETEXTURE", "金", {}, [NAME], "retexture", {"prompt": "金", "image": DATA}),
    ("VIDEO", "跑", {}, [], "video", {"prompt": "跑"}),
    (
        "VIDEO",
        "跑",
        {"motion": "low", "loop": False, "video_type": "vid_1.1_i2v_720", "batch_size": 2},
        PAIR,
        "video",
        {
            **{"prompt": "跑", "image": DATA, "endImage": URL, "motion": "low", "loop": False},
            **{"videoType": "vid_1.1_i2v_720", "batchSize": 2},
        },
    ),
    ("SWAP_FACE", None, {}, PAIR, "/insight-face/swap", {"sourceBase64": DATA, "targetBase64": URL}),
    ("UPLOAD", None, {}, [NAME], "upload-discord-images", {"base64Array": [DATA]}),
]


@pytest.mark.parametrize(("action", "prompt", "options", "pictures", "path", "body"), ASKED)
def test_every_action_has_its_call(
    make_claim: MakeClaim,
    action: str,
    prompt: str | None,
    options: dict[str, Any],
    pictures: list[str],
    path: str,
    body: dict[str, Any],
) -> None:
    claim = make_claim(action=action, prompt=prompt, options=options, pictures=pictures)
    assert list_attachments(claim) == tuple(each for each in pictures if each == NAME)
    request = make_request(claim, HOOK, GATEWAY, {NAME: DATA})
    assert request.path == (path if path.startswith("/") else f"/submit/{path}")
    assert request.body == body | {"state": TASK, "notifyHook": HOOK}


def test_every_action_there_is_has_a_row_above() -> None:
    assert {row[0] for row in ASKED} == ACTIONS.keys()


def test_a_video_goes_on_from_its_parent(make_claim: MakeClaim) -> None:
    claim = make_claim(action="VIDEO", prompt="跑", options={"extend": "8000000000000001", "index": 0}, parent="17")
    path, _, body = make_request(claim, HOOK, GATEWAY)
    assert path == "/submit/video"
    assert body == {
        **{"prompt": "跑", "index": 0, "action": "extend", "taskId": "17"},
        **{"state": TASK, "notifyHook": HOOK},
    }


# --- windows

REGION = U2 | {"label": "Vary (Region)", "custom_id": "MJ::Inpaint::1::x::SOLO", "kind": "Inpaint", "opens_modal": True}
WINDOW = {"prompt": "帽子", "mask": None}


@pytest.mark.parametrize(
    ("prompt", "mask", "said"),
    [
        ("帽子", None, {"prompt": "帽子"}),
        (None, None, {"prompt": ""}),  # the parent's, then
        ("帽子", NAME, {"prompt": "帽子", "maskBase64": DATA}),
    ],
)
def test_a_window_is_answered_under_the_tasks_own_name(
    make_claim: MakeClaim, prompt: str | None, mask: str | None, said: dict[str, Any]
) -> None:
    asked = make_claim(kind="modal", gateway_id="18", parent="17")
    answer = msgspec.structs.replace(asked.submission, request={"prompt": prompt, "mask": mask})
    claim = msgspec.structs.replace(asked, submission=answer)
    assert list_attachments(claim) == ((NAME,) if mask else ())
    path, _, body = make_request(claim, HOOK, GATEWAY, {NAME: DATA})
    assert path == "/submit/modal"
    assert body == said | {"taskId": "18", "state": TASK, "notifyHook": HOOK}


@pytest.mark.parametrize(
    ("button", "window", "remix"),
    [
        (U2 | {"kind": "variation"}, WINDOW, True),  # this one may open a window, if asked to
        (U2 | {"kind": "variation"}, None, None),
        (REGION, WINDOW, None),  # this one opens one by itself
    ],
)
def test_a_click_with_a_prompt_asks_for_a_window(
    make_claim: MakeClaim, button: dict[str, Any], window: dict[str, Any] | None, remix: bool | None
) -> None:
    body = make_request(make_claim(button=button, parent="17", window=window), HOOK, GATEWAY).body
    assert body.get("enableRemix") is remix
    assert not body.keys() & {"window", "prompt", "mask"}


# --- modes and extras


@pytest.mark.parametrize("of_gateway", [None, "relax"])
@pytest.mark.parametrize("asked", [None, "turbo"])
def test_a_mode_is_the_tasks_own_or_its_gateways(make_claim: MakeClaim, asked: Any, of_gateway: Any) -> None:
    options = {"mode": asked} if asked else {}
    for style in ("path", "filter"):
        gateway = Gateway(name="g", url="https://g", key="k", auth="raw", mode=of_gateway, mode_style=style)  # type: ignore[arg-type]
        for claim in (make_claim(options=options), make_claim(button=U2, parent="17", options=options)):
            wanted = asked or of_gateway
            assert mode_of(claim.submission.request, gateway) == wanted
            request = make_request(claim, HOOK, gateway)
            assert request.mode == wanted
            assert "mode" not in request.body
        root = make_request(make_claim(options=options), HOOK, gateway).body
        filtered = {"modes": [wanted.upper()]} if wanted and style == "filter" else None
        assert root.get("accountFilter") == filtered


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"button": U2, "parent": "17"},
        {"button": U2 | {"custom_id": None}, "parent": "17"},
    ],
)
def test_extra_fields_are_handed_on_and_replace_none_of_ours(make_claim: MakeClaim, claim: dict[str, Any]) -> None:
    extra = {"remix": True, "名": {"深": [1, None]}}
    ours = dict.fromkeys(("state", "notifyHook", "taskId", "customId", "prompt", "index"), "theirs")
    plain = make_request(make_claim(**claim), HOOK, GATEWAY)
    path, _, body = make_request(make_claim(**claim, options={"extra": extra | ours}), HOOK, GATEWAY)
    assert path == plain.path
    assert {name: body[name] for name in plain.body} == plain.body
    assert {name: body[name] for name in extra} == extra


@pytest.mark.parametrize("name", ACTIONS)
def test_extra_fields_replace_no_field_of_any_action(name: str) -> None:
    action = ACTIONS[name]
    pictures = [DATA] * action.pictures[1]
    plain = make_body(action, prompt="猫", options={}, pictures=pictures)
    extra = {"extra": dict.fromkeys(plain, "theirs") | {"more": 1}}
    assert make_body(action, prompt="猫", options=extra, pictures=pictures) == plain | {"more": 1}


# --- names


@pytest.mark.parametrize(
    "claim", [{}, {"button": U2, "parent": "17"}, {"kind": "modal", "gateway_id": "18", "parent": "17"}]
)
def test_what_has_its_names_can_be_asked(make_claim: MakeClaim, claim: dict[str, Any]) -> None:
    assert find_nameless(make_claim(**claim)) is None

"""What is POSTed."""

from collections.abc import Callable
from typing import Any

import pytest

from service.gateways.presets import Gateway
from service.gateways.requests import make_request
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

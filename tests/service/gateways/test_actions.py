"""What can be asked of a gateway: the bodies, field by field."""

import msgspec
import pytest

from service.gateways.actions import ACTIONS, VideoOptions, make_body

A, B = "data:image/png;base64,AA==", "data:image/png;base64,BB=="


@pytest.mark.parametrize(
    ("action", "prompt", "options", "pictures", "body"),
    [
        ("IMAGINE", "a cat", {}, (), {"prompt": "a cat"}),
        (
            "IMAGINE",
            "一只猫",
            {"bot_type": "NIJI_JOURNEY", "mode": "fast"},
            (A, B),
            {"prompt": "一只猫", "botType": "NIJI_JOURNEY", "base64Array": [A, B]},
        ),
        ("BLEND", None, {"dimensions": "PORTRAIT"}, (A, B), {"base64Array": [A, B], "dimensions": "PORTRAIT"}),
        ("DESCRIBE", None, {"language": "zh"}, (A,), {"base64": A, "language": "zh"}),
        ("SHORTEN", "a long prompt", {}, (), {"prompt": "a long prompt"}),
        ("EDIT", "add a hat", {}, (A,), {"image": A, "prompt": "add a hat"}),
        ("SWAP_FACE", None, {}, (A, B), {"sourceBase64": A, "targetBase64": B}),
        ("UPLOAD", None, {}, (A,), {"base64Array": [A]}),
        (
            "VIDEO",
            "it moves",
            {"motion": "high", "loop": True, "video_type": "vid_1.1_i2v_720", "batch_size": 2},
            (A, B),
            {
                "prompt": "it moves",
                "motion": "high",
                "loop": True,
                "videoType": "vid_1.1_i2v_720",
                "batchSize": 2,
                "image": A,
                "endImage": B,
            },
        ),
        ("VIDEO", "on", {"extend": "8000000000000001", "index": 0}, (), {"prompt": "on", "index": 0}),
    ],
)
def test_a_body_holds_what_was_asked_for_and_nothing_else(
    action: str, prompt: str | None, options: dict[str, object], pictures: tuple[str, ...], body: dict[str, object]
) -> None:
    assert make_body(ACTIONS[action], prompt=prompt, options=options, pictures=pictures) == body


def test_fields_that_only_the_gateway_knows_are_handed_on_and_replace_nothing() -> None:
    options = {"bot_type": "MID_JOURNEY", "extra": {"noStorage": True, "botType": "x", "prompt": "another"}}
    body = make_body(ACTIONS["IMAGINE"], prompt="a cat", options=options, pictures=())
    assert body == {"noStorage": True, "botType": "MID_JOURNEY", "prompt": "a cat"}


def test_every_action_has_a_place_for_each_of_its_pictures() -> None:
    for action in ACTIONS.values():
        takes_all = any(name.endswith("[]") for name in action.picture_fields)
        assert takes_all or len(action.picture_fields) == action.pictures[1]


def test_options_of_another_action_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="dimensions"):
        msgspec.convert({"dimensions": "SQUARE"}, VideoOptions)

"""Tasks as the gateways' own JSON."""

import pytest

from hooks.rows import show_row
from storage.records import Button, Task

# The fields that the gateways' pages document, with their types.
DOCUMENTED = {
    **dict.fromkeys(("id", "action", "prompt", "promptEn", "description", "state", "imageUrl", "status"), str),
    **dict.fromkeys(("progress", "failReason", "customId", "botType", "maskBase64"), str),
    **dict.fromkeys(("submitTime", "startTime", "finishTime"), int),
    "properties": dict,
    "buttons": list,
}


def make(**given: object) -> Task:
    values = {
        "id": "8000000000000001",
        "root_id": "8000000000000001",
        "gateway": "main",
        "action": "IMAGINE",
        "origin": "facade",
        "prompt": "一只猫 --ar 16:9",
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_000_000,
    }
    return Task(**values | given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"status": "SUCCESS", "progress": 100, "image_url": "https://a/b.png", "finished_at": 1_790_000_009_000},
        {"status": "FAILURE", "fail_reason": "任务超时"},
        {"properties": {"description": None, "submitTime": None, "botType": None, "finalPrompt": "x"}},
    ],
)
def test_every_documented_field_has_its_documented_type(given: dict[str, object]) -> None:
    row = show_row(make(**given))
    wrong = {name: row[name] for name, kind in DOCUMENTED.items() if not isinstance(row[name], kind)}
    assert wrong == {}


def test_a_finished_grid_looks_as_at_its_gateway() -> None:
    row = show_row(
        make(
            status="SUCCESS",
            progress=100,
            state="mine",
            image_url="https://cdn/grid.png",
            started_at=1_790_000_001_000,
            finished_at=1_790_000_009_000,
            buttons=(Button(label="U1", custom_id="MJ::JOB::upsample::1::abc", kind="upsample", index=1),),
            properties={
                "finalPrompt": "a cat",
                "promptEn": "a cat",
                "messageId": "12",
                "description": "/imagine a cat",
            },
        )
    )
    assert row["id"] == "8000000000000001"
    assert (row["status"], row["progress"], row["imageUrl"]) == ("SUCCESS", "100%", "https://cdn/grid.png")
    assert (row["prompt"], row["promptEn"]) == ("一只猫 --ar 16:9", "a cat")
    assert (row["state"], row["description"]) == ("mine", "/imagine a cat")
    assert row["properties"] == {"finalPrompt": "a cat", "finalZhPrompt": "", "messageId": "12"}
    assert row["buttons"] == [
        {"customId": "MJ::JOB::upsample::1::abc", "emoji": "", "label": "U1", "style": 2, "type": 2}
    ]


def test_an_adopted_task_keeps_the_id_that_was_asked_for() -> None:
    assert show_row(make(), task_id="1320098173412546")["id"] == "1320098173412546"


def test_the_gateways_own_word_for_an_action_is_kept() -> None:
    assert show_row(make(action="EDIT", properties={"action": "EDITS"}))["action"] == "EDITS"


def test_a_failure_shows_no_progress_and_its_reason() -> None:
    row = show_row(make(status="FAILURE", progress=None, fail_reason="可能包含敏感词"))
    assert (row["progress"], row["failReason"]) == ("", "可能包含敏感词")


def test_a_lost_task_is_a_failure_so_that_nobody_waits_for_ever() -> None:
    row = show_row(make(status="NOT_START", submission="lost"))
    assert row["status"] == "FAILURE"
    assert row["failReason"]


def test_videos_stand_where_the_newer_gateways_have_them() -> None:
    row = show_row(make(action="VIDEO", video_urls=("https://a/0.mp4", "https://a/1.mp4")))
    assert row["videoUrl"] == "https://a/0.mp4"
    assert row["videoUrls"] == [{"url": "https://a/0.mp4"}, {"url": "https://a/1.mp4"}]


def test_what_a_gateway_says_more_than_we_keep_stands_as_it_came() -> None:
    raw = [{"customId": "MJ::1", "emoji": {"name": "upscale_1", "id": "7"}, "label": "U1", "style": 3, "type": 2}]
    videos = [{"url": "https://a/0.mp4", "thumbnail": "https://a/0.png"}]
    row = show_row(make(properties={"buttons": raw, "videoUrls": videos}, video_urls=("https://a/0.mp4",)))
    assert (row["buttons"], row["videoUrls"]) == (raw, videos)
    assert row["properties"].keys() == {"finalPrompt", "finalZhPrompt"}


def test_a_name_that_stood_at_the_top_and_among_the_properties_is_shown_at_both() -> None:
    row = show_row(make(properties={"description": "inner", "task.description": "top"}))
    assert (row["description"], row["properties"]["description"]) == ("top", "inner")


def test_nothing_that_a_gateway_invents_replaces_a_documented_field() -> None:
    odd = {f"task.{name}": {"odd": True} for name in DOCUMENTED} | {"action": 5, "prompt": ["x"]}
    row = show_row(make(properties=odd))
    assert all(isinstance(row[name], kind) for name, kind in DOCUMENTED.items())
    assert (row["id"], row["action"]) == ("8000000000000001", "IMAGINE")


def test_a_parent_is_named_by_our_id() -> None:
    child = make(id="8000000000000002", parent_id="8000000000000001", properties={"parentId": "17"})
    assert show_row(child)["parentId"] == "8000000000000001"
    assert show_row(make(properties={"parentId": "17"}))["parentId"] == "17"


def test_a_link_to_the_picture_is_a_property() -> None:
    row = show_row(make(image_url="https://a/b.png"), picture_url="https://r/mj/image/8")
    assert (row["imageUrl"], row["properties"]["pictureUrl"]) == ("https://a/b.png", "https://r/mj/image/8")

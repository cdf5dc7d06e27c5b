"""What a rule does is checked when it is read."""

import hashlib
from pathlib import Path
from typing import get_args

import pytest

from service.gateways.actions import Mode
from service.rules.actions import (
    MODES,
    ClickAction,
    DownloadAction,
    NotifyAction,
    ResubmitAction,
    SubmitAction,
    TagAction,
    WrittenAction,
)
from service.rules.reading.actions import EXAMPLES, read_actions
from service.rules.reading.masks import LARGEST_MASK
from service.written.document import Document

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def read(item: str, *, file: str = "f", event: str = "task.succeeded") -> tuple[tuple[WrittenAction, ...], list[str]]:
    document = Document(f"do: [{item}]".encode(), file=file, environ={"URL": "https://example.com/s3cret"})
    assert document.root is not None, document.source.mistakes
    actions = read_actions(document.root.mapping(("do",))["do"], rule="cats", event=event)
    return actions, [str(mistake) for mistake in document.source.mistakes]


def one(item: str, **more: str) -> WrittenAction:
    (action,), mistakes = read(item, **more)
    assert mistakes == []
    return action


def test_a_click_is_a_label_or_several() -> None:
    assert one("click: U1") == ClickAction(labels=("U1",))
    assert one("click: [U1, V2, 🔄]") == ClickAction(labels=("U1", "V2", "🔄"))


def test_a_click_answers_the_window_that_it_opens(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "sky.png").write_bytes(PNG)
    action = one(
        '{click: {button: Vary (Region), prompt: "{prompt}, a blue sky", mask: masks/sky.png}}',
        file=str(tmp_path / "ringback.yaml"),
    )
    assert isinstance(action, ClickAction)
    assert (action.labels, action.mask) == (("Vary (Region)",), PNG)
    assert action.prompt is not None
    assert action.prompt.fields == {"prompt"}
    assert "PNG" not in repr(action)


def test_a_submit_is_another_prompt_in_the_chain() -> None:
    action = one('{submit: {prompt: "{prompt} --tile", tags: [tiles, wide], mode: fast}}')
    assert isinstance(action, SubmitAction)
    assert (action.prompt.fields, action.tags, action.mode) == ({"prompt"}, ("tiles", "wide"), "fast")
    plain = one("{submit: {prompt: a cat}}")
    assert isinstance(plain, SubmitAction)
    assert (plain.prompt.constant, plain.tags, plain.mode) == ("a cat", None, None)
    bare = one("{submit: {prompt: a cat, tags: []}}")
    assert isinstance(bare, SubmitAction)
    assert bare.tags == ()


def test_a_resubmit_says_nothing_more() -> None:
    assert one("resubmit: {}") == one("resubmit: ") == ResubmitAction()


@pytest.mark.parametrize(
    ("written", "task", "root"),
    [
        ("done", ("done",), ()),
        ("2026", ("2026",), ()),
        ("[a, b, a]", ("a", "b"), ()),
        ("{root: [a, 猫]}", (), ("a", "猫")),
        ("{task: a, root: b}", ("a",), ("b",)),
    ],
)
def test_a_tag_is_of_the_task_or_of_its_root(written: str, task: tuple[str, ...], root: tuple[str, ...]) -> None:
    assert one(f"tag: {written}") == TagAction(tags=task, root_tags=root)


def test_whom_to_tell_is_known_by_what_is_written() -> None:
    action = one('{notify: {url: "${URL}", text: "{rule}: {prompt}", title: "{event}"}}')
    assert isinstance(action, NotifyAction)
    assert action.url == "https://example.com/s3cret"
    assert action.address == hashlib.sha256(b"${URL}").hexdigest()[:16]
    assert (action.text.fields, action.title and action.title.constant) == ({"prompt"}, "task.succeeded")
    assert "s3cret" not in repr(action)


@pytest.mark.parametrize(
    "to", ["{id}.png", "shop/{root_id}/{index}.png", "{gateway}/{state}-{button}.png", "{parent_id}_{index}"]
)
def test_a_picture_is_kept_where_no_other_one_is(to: str) -> None:
    action = one(f'download: {{to: "{to}"}}')
    assert isinstance(action, DownloadAction)


@pytest.mark.parametrize("item", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_in_messages_are_right(item: str) -> None:
    one(f"{{{item.replace('SLACK_URL', 'URL')}}}", event="task.failed")


def test_the_modes_are_those_of_the_gateways() -> None:
    assert get_args(Mode) == MODES


@pytest.mark.parametrize(
    ("item", "mistake"),
    [
        ("{click: U1, notify: {}}", "f:1:26: an item is one action; begin another one with - notify: …"),
        ("U1", "f:1:6: expected a mapping (key: value), found 'U1'"),
        ("download: {t: x}", "f:1:17: unknown key 't'|f:1:16: 'to' is missing"),
        ("click: {}", "f:1:13: 'button' is missing"),
        ("click: {button: [U1]}", "f:1:22: expected text, found a list"),
        ("click: {button: U9, prompt: x}", "f:1:22: there is no button 'U9' (did you mean"),
        (
            "click: Custom Zoom",
            "f:1:13: 'Custom Zoom' opens a window that wants an answer; write click: {button: \"Cust",
        ),
        ("click: [U1, Vary (Region)]", "f:1:18: 'Vary (Region)' opens a window that wants an answer; write click: {bu"),
        ("click: 1️⃣", "f:1:13: '1️⃣' opens a window that wants an answer; write click: {button: "),
        ("click: {button: Custom Zoom}", "f:1:22: 'Custom Zoom' opens a window that wants an answer"),
        ("click: MJ::CustomZoom::x", "f:1:13: 'MJ::CustomZoom::x' opens a window that wants an answer"),
        (
            'click: "${URL}"',
            "f:1:13: '${URL}' is not filled in here; secrets may stand in notify.url, in a rule's match",
        ),
        ('click: {button: U1, prompt: "{x}"}', "f:1:34: a task has no field 'x'"),
        ("submit: {}", "f:1:14: 'prompt' is missing"),
        ("submit: {prompt: 7}", "f:1:23: expected text, found the number 7"),
        ('submit: {prompt: ""}', "f:1:23: the text is empty"),
        ('submit: {prompt: "${URL}"}', "f:1:23: '${URL}' is not filled in here"),
        ("submit: {prompt: x, mode: quick}", "f:1:32: there is no mode 'quick' (known: fast, relax, turbo)"),
        ("submit: {prompt: x, tags: [' a']}", "f:1:33: a tag has 1 to 64 characters, and no blank at its ends"),
        ("resubmit: {max: 1}", "f:1:17: unknown key 'max'"),
        ("resubmit: yes", "f:1:16: expected a mapping (key: value), found 'yes'"),
        ("tag: {}", "f:1:11: there is no tag; write tag: done, or tag: {root: done}"),
        ("tag: []", "f:1:11: the list is empty"),
        ("tag: {chain: x}", "f:1:12: unknown key 'chain'"),
        (f"tag: {'x' * 65}", "f:1:11: a tag has 1 to 64 characters, and no blank at its ends"),
        ("tag: '${URL}'", "f:1:11: '${URL}' is not filled in here; secrets may stand in notify.url, in a rule's match"),
        (f"tag: {list(range(33))}", "f:1:11: there may be at most 32 tags"),
        ("notify: {url: 'https://x.org/'}", "f:1:14: 'text' is missing"),
        ("notify: {text: x}", "f:1:14: 'url' is missing"),
        ("notify: {url: nobody, text: x}", "f:1:20: expected a URL that says whom to tell"),
        ("notify: {url: 'https://', text: x}", "f:1:20: "),
        ("notify: {url: '${NOBODY}', text: x}", "f:1:20: ${NOBODY} is not set in the environment"),
        ("notify: {url: 'https://x.org/', text: '${URL}'}", "f:1:44: '${URL}' is not filled in here; secrets"),
        ("download: {to: /etc/{id}}", "f:1:21: a path begins below the folder"),
        ("download: {to: 'C:/{id}'}", "f:1:21: a path begins below the folder"),
        ("download: {to: 'a/../{id}'}", "f:1:21: a path cannot leave the folder"),
        ("download: {to: '${URL}/{id}'}", "f:1:21: '${URL}' is not filled in here; secrets"),
        (
            "download: {to: cat.png}",
            "f:1:21: pictures of several tasks would go by one name; add {id}, or {root_id} and",
        ),
        ("download: {to: '{root_id}.png'}", "f:1:21: pictures of several tasks would go by one name; add {id}, or {ro"),
    ],
)
def test_each_mistake_has_its_place(item: str, mistake: str) -> None:
    _, mistakes = read(item.replace("/etc/{id}", "'/etc/{id}'"))
    expected = mistake.split("|")
    assert [each[: len(start)] for each, start in zip(mistakes, expected, strict=True)] == expected


def test_a_rule_may_not_do_too_much() -> None:
    actions, mistakes = read(", ".join(["tag: x"] * 21))
    assert mistakes == ["f:1:166: a rule has at most 20 actions"]
    assert len(actions) == 20


def test_a_mistake_shows_no_secret() -> None:
    document = Document(b"do: [{notify: {url: '${URL}', text: x}}]", file="f", environ={"URL": "s3cret"})
    assert document.root is not None
    read_actions(document.root.mapping(("do",))["do"], rule="cats", event="task.succeeded")
    assert document.source.mistakes
    assert "s3cret" not in repr(document.source.mistakes)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("none.png", "there is no file 'none.png' beside this one"),
        (".", "a mask is a PNG file beside this one, or in a folder there"),
        ("/etc/passwd", "a mask is a PNG file beside this one, or in a folder there"),
        ("../x.png", "a mask is a PNG file beside this one, or in a folder there"),
        ("folder", "there is no file 'folder' beside this one"),
        ("x.jpg", "a mask is a PNG, black with the area to be changed in white; it is image/jpeg"),
        ("x.txt", "a mask is a PNG, black with the area to be changed in white; it is something else"),
        ("empty.png", "a mask is a PNG, black with the area to be changed in white; it is empty"),
        ("large.png", "'large.png' is larger than 5 MiB"),
    ],
)
def test_a_mask_is_a_png_beside_the_file(tmp_path: Path, name: str, mistake: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff\xe0 and so on")
    (tmp_path / "x.txt").write_bytes(b"hello, there is no picture here")
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(PNG + bytes(LARGEST_MASK))
    _, mistakes = read(f"click: {{button: Vary (Region), mask: {name}}}", file=str(tmp_path / "f"))
    assert [each.split(": ", 1)[1][: len(mistake)] for each in mistakes] == [mistake]

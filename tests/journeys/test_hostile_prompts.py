"""Prompts that mean harm go through everything that rules can do with them, and stay what they are: text."""

import re
import unicodedata
from pathlib import Path

import pytest

from tests.journeys.conftest import Member, Stage
from tests.journeys.cookbook import Kitchen
from tests.journeys.letterbox import Letterbox
from tests.journeys.processes import API_KEY

pytestmark = pytest.mark.journey
HOSTILE = {
    "templates": "{prompt} {0} {{ }} {tags.__class__} %s %(prompt)s",
    "paths": "../../etc/passwd /etc/passwd ..\\..\\windows C:\\CON ~/.ssh",
    "long": "长" * 8000,
    "emoji": "👩‍👩‍👧 与 🐈‍⬛ ❤️",
    "right to left": "a \u202egnp.exe\u202c cat",
    "nothing": "a \x00 cat",
    "terminal": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \x7f\x08\r\n"
    'timestamp=2026-01-01T00:00:00Z level=error event="all is lost"\u2028more',
    "yaml": "rules:\n  - id: evil\n\t&a *a !!python/object {on: [',\"",
    "secrets": "${PATH} ${RINGBACK_API_KEYS} $(id) `id` ;id",
    "markup": "<script>alert(1)</script> [x](javascript:x) '; DROP TABLE tasks; --",
}
TAG = "../{prompt} %s {0}"  # control characters are refused in tags
# What may not stand in a terminal's output: controls but for the line's end, and what reverses text.
UNFIT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def write(text: str) -> str:
    """A text as YAML writes it, in quotes; what cannot be seen is escaped."""
    seen = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in seen) + '"'


# A rule may name no ${VARIABLE} but in a URL, so that prompt is known by a part of it.
KNOWN = [
    f"prompt: {write(text)}" if name != "secrets" else "prompt: {contains: $(id)}" for name, text in HOSTILE.items()
]
FILE = """
rules:
  - id: grid
    on: task.succeeded
    match: {action: IMAGINE, depth: 0, tags: TAG, any: [KNOWN]}
    do:
      - click: U1
      - submit: {prompt: "{prompt} again", tags: [again]}
      - tag: {root: seen}
      - notify: {url: "${DESK_URL}", title: "{prompt}", text: "{prompt}"}
      - download: {to: "{prompt}/{id}.png"}
  - id: window
    on: task.succeeded
    match: {action: UPSCALE, tags: TAG}
    do:
      - click: {button: Custom Zoom, prompt: "{prompt} --zoom 1.8"}
"""


def strip_controls(text: str) -> str:
    """What a person is told: the text without what cannot be seen, but for what ends lines and joins emoji."""
    told = text.replace("\r\n", "\n").replace("\u2028", "\n")
    return "".join(c for c in told if c in "\n\t\u200d" or unicodedata.category(c) not in ("Cc", "Cf"))


def test_no_prompt_is_more_than_text(stage: Stage, letters: Letterbox) -> None:
    known = ", ".join(f"{{{each}}}" for each in KNOWN)
    gateways, service = stage.gather(
        Member("g", {"grid_seconds": 0.1}),
        written=FILE.replace("KNOWN", known).replace("TAG", write(TAG)),
        RINGBACK_ALLOW_TARGETS="127.0.0.1/32",
        DESK_URL=f"http://{letters.address}/desk",
    )
    kitchen = Kitchen(service, gateways, letters)
    roots = {kitchen.order(prompt, TAG): prompt for prompt in HOSTILE.values()}
    for root, prompt in roots.items():
        grid, upscale, again, zoom = kitchen.tasks(root)
        assert {each["status"] for each in (grid, upscale, again, zoom)} == {"SUCCESS"}
        assert (grid["prompt"], grid["tags"]) == (prompt, [TAG, "seen"])
        assert (again["prompt"], again["tags"]) == (f"{prompt} again", ["again"])
        asked = [gateways["g"].fetch(each["gateway_id"])["prompt"] for each in (grid, upscale, again, zoom)]
        assert asked == [prompt, prompt, f"{prompt} again", f"{prompt} --zoom 1.8"]

        told = letters.await_letter("/desk", lambda letter, root=root: letter["task"]["id"] == root)
        assert told["text"] == strip_controls(prompt)
        assert told["task"]["prompt"] == prompt

        (path,) = (each["path"] for each in kitchen.firings(root)["grid"]["actions"] if each["action"] == "download")
        folder, name = path.split("/")
        assert name == f"{root}.png"
        assert len(folder.encode()) <= 100
        assert not UNFIT.search(folder)
        assert kitchen.await_file(path).startswith(b"\x89PNG")

    check_folder(service.directory, files=len(roots))
    assert API_KEY not in str(letters.letters("/desk"))  # what looks like a secret's name is not filled in
    assert [each["id"] for each in kitchen.rules()["rules"]] == ["grid", "window"]

    lines = service.log.removesuffix("\n").split("\n")
    begun = next(place for place, line in enumerate(lines) if line.startswith("timestamp="))
    assert all(re.match(r"timestamp=\S+ level=\w+ logger=ringback\.\w+ event=", line) for line in lines[begun:])
    assert not UNFIT.search("".join(lines))

    worst = next(root for root, prompt in roots.items() if prompt == HOSTILE["terminal"])
    listed, why = service.run("tasks"), service.run("rules", "why", "grid", worst)
    assert len(listed.splitlines()) == 1 + 4 * len(roots)  # one line stays one line
    assert "fired" in why
    assert not UNFIT.search(listed + why)


def check_folder(directory: Path, *, files: int) -> None:
    """Every picture lies in a folder of its own below that of downloads, and nothing lies anywhere else."""
    kept = [each for each in (directory / "downloads").rglob("*") if each.is_file()]
    assert len(kept) == files
    assert {each.parent.parent for each in kept} == {directory / "downloads"}
    known = r"downloads|ringback\.(yaml|db.*|keys)|(serve|simulate)-\d+\.log"
    assert [each.name for each in directory.iterdir() if not re.fullmatch(known, each.name)] == []

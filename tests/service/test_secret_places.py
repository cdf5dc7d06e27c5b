"""Wherever a file asks for a secret, no mistake tells it."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.config import Config, ConfigError, parse_config, run_trials

SECRET = "topsecretvalue"
BOUNDS = {"per_root": 1, "policy": "drop"}
QUIET = {"from": "23:00", "to": "07:00", "tz": "Asia/Shanghai", "policy": "defer"}
FILE = {
    "gateways": [
        {
            "name": "one",
            "preset": "new-api",
            "url": "https://one.example",
            "key": "sk-abcdefgh",
            "auth": "bearer",
            "mode": "fast",
            "mode_style": "path",
            "limits": {"in_flight": 3},
            "prices": {"IMAGINE fast": 0.1},
        }
    ],
    "groups": {"all": ["one"]},
    "limits": {"per_hour": 9, "policy": "drop", "quiet_hours": QUIET},
    "rules": [
        {
            "id": "a",
            "on": "task.succeeded",
            "match": {
                "action": "IMAGINE",
                "prompt": {"word": ["cat", "dog"], "not": {"prefix": "x"}},
                "depth": {"lte": "0"},
                "any": [{"state": "x"}, {"params.ar": "16:9"}],
                "progress": {"exists": True},
                "status": "SUCCESS",
            },
            "do": [
                {"click": ["U1", "U2"]},
                {"click": {"button": "Custom Zoom", "prompt": "{prompt}"}},
                {"click": {"button": "Vary (Region)", "prompt": "x", "mask": "mask.png"}},
                {"submit": {"prompt": "{prompt}", "tags": ["x"], "mode": "fast"}},
                {"tag": {"task": "x", "root": ["y"]}},
                {"notify": {"url": "https://told.example/x", "title": "{id}", "text": "{prompt}"}},
                {"download": {"to": "{id}.png"}},
            ],
            "max_depth": 1,
            "budget": {"per_day": 9, "policy": "drop"},
            "quiet_hours": QUIET,
            "dry_run": False,
        },
        {
            "id": "b",
            "on": "task.failed",
            "match": {"fail_kind": "timeout"},
            "do": [{"resubmit": {}}],
            "attempts": {"max": 1, "backoff": ["30s", "5m"]},
        },
    ],
    "subscriptions": [
        {
            "id": "shop",
            "url": "https://shop.example/x",
            "events": ["task.*", "chain.settled"],
            "match": {"action": "UPSCALE", "any": [{"state": {"prefix": "x"}}, {"depth": 1}]},
            "format": "gateway",
            "ordered": False,
            "rate": 2,
            "concurrency": 2,
            "headers": {"Authorization": "Bearer x"},
        }
    ],
    "tests": [
        {
            "given": {
                "event": "task.succeeded",
                "at": "2026-01-01T00:00:00Z",
                "action": "IMAGINE",
                "prompt": "a cat",
                "tags": ["x"],
                "state": "y",
                "params": {"ar": "16:9"},
                "properties": {"seed": "1", "deep": ["x"]},
                "buttons": ["U1"],
                "then": ["U1"],
            },
            "expect": {"a": ["click U1", {"blocked": "depth"}]},
        },
        {
            "given": {"event": "chain.settled", "chain": {"succeeded": {"UPSCALE": 4}, "cost": 1}},
            "expect": {"b": "nothing"},
        },
    ],
}


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value that is neither a list nor a mapping."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(inner, (*path, key))
    else:
        yield path


def put(path: tuple[Any, ...], text: str) -> bytes:
    file: Any = copy.deepcopy(FILE)
    holder = file
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = text
    return json.dumps(file).encode()


def complain(file: bytes, **environ: str) -> list[str]:
    try:
        config: Config = parse_config(file, file="f", environ=environ)
    except ConfigError as error:
        return [str(mistake) for mistake in error.mistakes]
    return [str(failure) for failure in run_trials(config)]


PLACES = {".".join(map(str, path)): path for path in walk(FILE)}
FILLED = {
    place
    for place in PLACES
    if place.endswith((".url", ".key")) or ".headers." in place or (".match." in place and place.startswith("rules"))
}


@pytest.mark.parametrize("place", PLACES)
def test_no_mistake_tells_a_secret(place: str) -> None:
    for text in ("${S}", "${S}://x", "https://host:${S}/x")[: 3 if place in FILLED else 1]:
        file = put(PLACES[place], text)
        told = complain(file, S=SECRET)
        assert SECRET not in "".join(told)
        if place not in FILLED:  # nothing is asked for there at all
            assert complain(json.dumps(FILE).encode()) != told == complain(file)

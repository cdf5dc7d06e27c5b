"""What can be asked of a gateway besides clicks: one row per action, for whoever takes an order and for the sender.

Paths, fields, limits and defaults as trueai-org's midjourney-proxy (10 and later), midjourney-proxy-plus and new-api
have them; a gateway that lacks one says so itself.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from storage.records import JSON

Need = Literal["required", "optional", "none"]
Mode = Literal["fast", "relax", "turbo"]
Bot = Literal["MID_JOURNEY", "NIJI_JOURNEY"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every action takes beside its prompt and its pictures."""

    mode: Mode | None = None  # at gateways that tell them apart; their own default otherwise
    extra: JSON = {}  # fields for the gateway, handed on as they are


class BotOptions(Options, frozen=True, kw_only=True):
    """Of actions that either bot does."""

    bot_type: Bot | None = None


class BlendOptions(BotOptions, frozen=True, kw_only=True):
    """Of BLEND."""

    dimensions: Literal["PORTRAIT", "SQUARE", "LANDSCAPE"] | None = None  # 2:3, 1:1, 3:2; SQUARE by default


class DescribeOptions(BotOptions, frozen=True, kw_only=True):
    """Of DESCRIBE."""

    language: str | None = None  # "zh" translates what is said, where the gateway can


class VideoOptions(Options, frozen=True, kw_only=True):
    """Of VIDEO."""

    motion: Literal["low", "high"] | None = None
    loop: bool | None = None
    video_type: Literal["vid_1.1_i2v_480", "vid_1.1_i2v_720"] | None = None
    batch_size: Literal[1, 2, 4] | None = None
    extend: str | None = None  # the task whose video is to go on; ours, SUCCESS
    index: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None  # which of its videos, from 0


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to ask for."""

    name: str  # as tasks carry it
    path: str  # below `/mj`
    prompt: Need
    pictures: tuple[int, int]  # how many, at least and at most
    picture_fields: tuple[str, ...]  # where each goes; a single name that ends in [] takes them all as a list
    options: type[Options] = Options


_PICTURES_OF_A_PROMPT: Final = 5  # more than anybody refers to; gateways name no limit
ACTIONS: Final[Mapping[str, Action]] = {
    action.name: action
    for action in (
        Action(
            name="IMAGINE",
            path="/submit/imagine",
            prompt="required",
            pictures=(0, _PICTURES_OF_A_PROMPT),
            picture_fields=("base64Array[]",),
            options=BotOptions,
        ),
        Action(
            name="BLEND",
            path="/submit/blend",
            prompt="none",
            pictures=(2, 5),
            picture_fields=("base64Array[]",),
            options=BlendOptions,
        ),
        Action(
            name="DESCRIBE",
            path="/submit/describe",
            prompt="none",
            pictures=(1, 1),
            picture_fields=("base64",),
            options=DescribeOptions,
        ),
        Action(
            name="SHORTEN",
            path="/submit/shorten",
            prompt="required",
            pictures=(0, 0),
            picture_fields=(),
            options=BotOptions,
        ),
        Action(name="EDIT", path="/submit/edits", prompt="required", pictures=(1, 1), picture_fields=("image",)),
        Action(
            name="RETEXTURE", path="/submit/retexture", prompt="required", pictures=(1, 1), picture_fields=("image",)
        ),
        Action(
            name="VIDEO",
            path="/submit/video",
            prompt="required",
            pictures=(0, 2),
            picture_fields=("image", "endImage"),
            options=VideoOptions,
        ),
        Action(
            name="SWAP_FACE",
            path="/insight-face/swap",
            prompt="none",
            pictures=(2, 2),
            picture_fields=("sourceBase64", "targetBase64"),
        ),
        Action(
            name="UPLOAD",
            path="/submit/upload-discord-images",
            prompt="none",
            pictures=(1, 10),
            picture_fields=("base64Array[]",),
        ),
    )
}


def make_body(action: Action, *, prompt: str | None, options: JSON, pictures: Sequence[str]) -> JSON:
    """What a gateway takes for it. `options` are those of the action as JSON; `pictures` data URLs or addresses.

    What nobody asked for is left out, so that the gateway's own defaults hold. `extra` may not replace what has a
    name of its own.
    """
    named = {_camel(name): value for name, value in options.items() if name not in _NO_FIELDS and value is not None}
    body: JSON = {**options.get("extra", {}), **named}
    if action.prompt != "none" and prompt is not None:
        body["prompt"] = prompt
    if action.picture_fields[:1] and (every := action.picture_fields[0]).endswith("[]"):
        if pictures:
            body[every.removesuffix("[]")] = list(pictures)
    else:
        body |= dict(zip(action.picture_fields, pictures, strict=False))
    return body


_NO_FIELDS: Final = frozenset({"mode", "extra", "extend"})


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)

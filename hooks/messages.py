"""What is told to people and to other systems, made harmless: a prompt that is quoted was written by anybody. Pure."""

import base64
import re
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from hooks.blanker import SHORTEST_SECRET, Blanker

LONGEST_TITLE: Final = 200  # characters
LONGEST_TEXT: Final = 20_000  # characters; what a service takes less of, it is given less of
LONGEST_QUOTE: Final = 200  # characters of what somebody answered
CUT: Final = "…"

# Everything unseen but for the tab, the line's end, and what holds an emoji together (a joiner, a variation): controls,
# what reverses the direction of writing, and halves of characters.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_LINE_END: Final = re.compile("\r\n?|[\u2028\u2029]")
# How chats are told to wake everybody in a room, or somebody: Slack's <!channel>, Discord's @everyone and <@1>,
# WeCom's <@user>, Feishu's <at user_id="all">, and 所有人, "all people", with which Feishu and DingTalk show it.
_MENTION: Final = re.compile(
    r"@(?=(?:everyone|here|channel|all|room)\b|所有人|全体成员)|<(?=[@!#]|/?at\b)", re.IGNORECASE
)
# The middle of what Discord and others show as a link: [words](where).
_LINK: Final = "]("
_UNSEEN_SPACE: Final = "\u200b"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a person reads; `data` is for who reads JSON instead."""

    title: str
    text: str
    data: dict[str, Any] = {}  # {"id", "firing", "rule", "event", "task", "chain"}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why something could not be sent or fetched."""

    detail: str  # for a person, without anything secret
    final: bool  # whether trying again is of no use
    alone: bool = False  # whether others to the same place may well be taken


def tame(message: Message) -> Message:
    """The same message without what could do harm where it is shown: it wakes nobody and reverses nothing."""
    title = " ".join(_tame(message.title).split())
    return Message(title=cut(title, LONGEST_TITLE), text=cut(_tame(message.text), LONGEST_TEXT), data=message.data)


def unlink(message: Message) -> Message:
    """The same message for a chat: no words in it become a link that hides where it leads."""
    title, text = (part.replace(_LINK, f"]{_UNSEEN_SPACE}(") for part in (message.title, message.text))
    return msgspec.structs.replace(message, title=title, text=text)


def _tame(text: str) -> str:
    return _MENTION.sub(lambda sign: sign[0] + _UNSEEN_SPACE, _UNSEEN.sub("", _LINE_END.sub("\n", text)))


def cut(text: str, longest: int) -> str:
    """A text of so many characters at most, with a sign that there was more."""
    return text if len(text) <= longest else text[: longest - len(CUT)] + CUT


def cut_bytes(text: str, longest: int) -> str:
    """A text of so many bytes of UTF-8 at most, cut on a character."""
    content = text.encode()
    if len(content) <= longest:
        return text
    return content[: longest - len(CUT.encode())].decode(errors="ignore") + CUT


def hide_url(text: str, url: str) -> str:
    """Words of somebody else about a URL, on one line, without what is secret in it: all but its scheme and host."""
    hidden = Blanker(list_pieces(url)).hide(text)
    return cut(" ".join(_tame(hidden).split()), LONGEST_QUOTE)


def list_pieces(url: str) -> list[str]:
    """What may be secret in a URL, in pieces: of all but its scheme and host, those long enough to be hidden."""
    try:
        parts = urlsplit(url)
        secret = f"{parts.path} {parts.query} {parts.fragment} {parts.username} {parts.password}"
    except ValueError:
        secret = url
    both = f"{secret} {unquote(secret)}"
    pieces = [*re.split(r"[^A-Za-z0-9_-]+", both), *re.split(r"[\s/?&=;#]+", both)]
    pieces += [part.partition("=")[2] for part in re.split(r"[\s?&;#]+", both)]
    return [piece for piece in dict.fromkeys(pieces) if len(piece) >= SHORTEST_SECRET and piece.isascii()]


def list_words(value: str) -> list[str]:
    """What may be secret in a header's value: its words, what stands between quotes and separators, and both halves of
    what `Basic` encodes.
    """
    words = [*value.split(), *re.split(r"[\s;,=\"']+", value)]
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            plain = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
            words += [plain, *plain.split(":", 1)]
    return [word for word in dict.fromkeys(words) if len(word) >= SHORTEST_SECRET]

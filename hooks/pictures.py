"""Pictures that come in: a data URL, bare base64 or bytes become one record. Pure; `hooks.downloads` fetches.

What a picture is, its first bytes tell: a declared type is wrong too often, and what a gateway cannot read is paid
for and fails.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from hooks.errors import NotAPicture

# Bytes of one picture, decoded. Discord's limit without Nitro, and MaxFileSize of trueai-org's midjourney-proxy.
LARGEST: Final = 10 * 1024 * 1024
# Bytes of all pictures of one submission: in base64 they stay below the 30,000,000 bytes of a request that Kestrel
# takes, the server under trueai-org's midjourney-proxy.
LARGEST_TOGETHER: Final = 20 * 1024 * 1024
LONGEST_TEXT: Final = 2 * LARGEST  # characters; more than base64 with line breaks and percent signs can need

MediaType = Literal["image/png", "image/jpeg", "image/webp", "image/gif"]

_TAKEN: Final[tuple[tuple[MediaType, re.Pattern[bytes]], ...]] = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("image/gif", re.compile(rb"GIF8[79]a")),
)
# What people hand in instead. An ISO file names its brands in its first box, the finer one perhaps after "mif1".
_REFUSED: Final = tuple(
    (what, re.compile(pattern, re.DOTALL | re.IGNORECASE))
    for what, pattern in (
        ("an AVIF picture", rb".{4}ftyp.{0,48}?avi[fs]"),
        ("a HEIC picture", rb".{4}ftyp.{0,48}?(?:hei[cmsx]|hev[cx]|mif1|msf1)"),
        ("a video", rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI "),
        ("a JPEG XL picture", rb"\xff\x0a|\x00\x00\x00\x0cJXL "),
        ("a TIFF picture", rb"II\*\x00|MM\x00\*"),
        ("a BMP picture", rb"BM.{4}\x00\x00\x00\x00"),
        ("an icon", rb"\x00\x00\x01\x00"),
        ("a PDF", rb"%PDF-"),
        ("a ZIP archive", rb"PK\x03\x04"),
        ("an SVG drawing", rb"<svg|(?:<\?xml|<!--|<!doctype svg).{0,900}?<svg"),
        ("a web page (HTML)", rb"<!doctype html|<html|<head|<body|<!--"),
        ("XML", rb"<\?xml"),
        ("JSON", rb"[{\[]"),
    )
)
_TOO_LARGE: Final = f"it has more than the {LARGEST // 1024**2} MiB that gateways take"
_HEAD: Final = 1024  # bytes that are looked at
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"  # what may stand before markup, a byte order mark among it
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture that gateways take."""

    media_type: MediaType  # what its bytes say
    content: bytes = field(repr=False)


def read_picture(text: str) -> Picture:
    """The picture in a data URL or in bare base64; both alphabets, with or without padding and line breaks.

    Raises NotAPicture.
    """
    if len(text) > LONGEST_TEXT:
        raise NotAPicture(_TOO_LARGE)
    text = text.strip()
    if text[:5].lower() != "data:":
        return know_picture(_decode(text, "it is neither an http(s) URL, nor a data URL, nor base64"))
    header, comma, data = text.partition(",")
    if not comma:
        raise NotAPicture("a data URL has a comma before its data: data:image/png;base64,…")
    if not header.rstrip().lower().endswith(";base64"):
        return know_picture(unquote_to_bytes(data.encode(errors="replace")))
    if "%" in data:
        data = unquote_to_bytes(data.encode(errors="replace")).decode(errors="replace")
    return know_picture(_decode(data, "what follows the comma of this data URL is not base64"))


def know_picture(content: bytes) -> Picture:
    """The picture that these bytes are. Raises NotAPicture, saying what they are instead."""
    if not content:
        raise NotAPicture("it is empty")
    if len(content) > LARGEST:
        raise NotAPicture(_TOO_LARGE)
    for media_type, magic in _TAKEN:
        if magic.match(content):
            return Picture(media_type=media_type, content=content)
    head = content[:_HEAD]
    what = next((what for what, magic in _REFUSED if magic.match(head) or magic.match(head.lstrip(_BLANKS))), None)
    raise NotAPicture(f"it is {what or 'something else'}; gateways take PNG, JPEG, WebP and GIF")


def as_data_url(picture: Picture) -> str:
    """The picture in the one form that every gateway reads: `data:image/png;base64,` and base64 with its padding."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.content).decode('ascii')}"


def require_room(pictures: Iterable[Picture]) -> None:
    """Raise NotAPicture if these pictures are too large for one submission."""
    if sum(len(picture.content) for picture in pictures) > LARGEST_TOGETHER:
        raise NotAPicture(f"together they have more than the {LARGEST_TOGETHER // 1024**2} MiB that gateways take")


def _decode(text: str, otherwise: str) -> bytes:
    """The bytes in base64. Raises NotAPicture, with `otherwise` where it is none."""
    try:
        lines = [line.strip() for line in text.encode("ascii").splitlines()]
    except UnicodeEncodeError:
        raise NotAPicture(otherwise) from None
    if any(b" " in line for line in lines):
        raise NotAPicture("there are blanks within its base64: perhaps each was a + that was lost on the way")
    packed = b"".join(lines).translate(_STANDARD).rstrip(b"=")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        broken = len(packed) % 4 == 1 and re.fullmatch(rb"[A-Za-z0-9+/]+", packed)
        raise NotAPicture(
            "its base64 ends in the middle of a byte: a part is missing" if broken else otherwise
        ) from None

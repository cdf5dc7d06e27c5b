"""What a file is, by its first bytes: pictures and videos that are worth keeping. Pure."""

import re
from typing import Final

HEAD: Final = 64  # bytes that tell it

# The first suffix is the one that is given; ISO files name their brands in their first box (ISO/IEC 14496-12).
_KINDS: Final = tuple(
    (suffixes, re.compile(pattern, re.DOTALL))
    for suffixes, pattern in (
        ((".png",), rb"\x89PNG\r\n\x1a\n"),
        ((".jpg", ".jpeg"), rb"\xff\xd8\xff"),
        ((".webp",), rb"RIFF.{4}WEBP"),
        ((".gif",), rb"GIF8[79]a"),
        ((".avif",), rb".{4}ftyp.{0,48}?avi[fs]"),
        ((".mp4", ".m4v", ".mov"), rb".{4}ftyp(?:isom|iso[2-9]|mp4[12]|avc1|M4V |mmp4|dash|qt  |MSNV)"),
        ((".webm", ".mkv"), rb"\x1a\x45\xdf\xa3"),
    )
)
SUFFIXES: Final = frozenset(suffix for suffixes, _ in _KINDS for suffix in suffixes)


def find_suffix(head: bytes) -> str | None:
    """The suffix that a file has which begins so: `.png`; None where it is neither a picture nor a video."""
    return next((suffixes[0] for suffixes, magic in _KINDS if magic.match(head)), None)

"""A file is what its first bytes say."""

import pytest

from hooks.media import SUFFIXES, find_suffix


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", ".webp"),
        (b"GIF89a", ".gif"),
        (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1", ".avif"),
        (b"\x00\x00\x00\x20ftypmif1\x00\x00\x00\x00mif1avif", ".avif"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", ".mp4"),
        (b"\x00\x00\x00\x18ftypmp42", ".mp4"),
        (b"\x1a\x45\xdf\xa3\x01\x00", ".webm"),
        (b"<!doctype html>", None),
        (b'{"error": "expired"}', None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head: bytes, suffix: str | None) -> None:
    assert find_suffix(head) == suffix
    assert suffix is None or suffix in SUFFIXES

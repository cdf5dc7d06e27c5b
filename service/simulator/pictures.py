"""Small pictures, drawn with zlib and struct alone: a grid of four gradients, or one quadrant of it. And a video."""

import hashlib
import struct
import zlib
from functools import lru_cache

SIDE = 256  # pixels
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NO_FILTER = b"\x00"  # PNG's filter byte at the start of each row
_RGB = 2  # PNG's colour type

VIDEO = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"mp42", 0, b"mp42", b"isom")  # an MP4 without a single frame

Colour = tuple[int, int, int]


@lru_cache(maxsize=256)
def draw(seed: str, quadrant: int | None = None) -> bytes:
    """A PNG of 256 × 256 pixels whose colours come from a hash of the seed text.

    Without a quadrant a 2 × 2 grid; with one (1–4, as the buttons U1–U4 count) that quadrant in full size.
    """
    if quadrant is not None:
        rows = _quadrant(seed, quadrant, SIDE)
        return _png(b"".join(_NO_FILTER + row for row in rows))
    half = SIDE // 2
    parts = [_quadrant(seed, index, half) for index in (1, 2, 3, 4)]
    upper = (_NO_FILTER + left + right for left, right in zip(parts[0], parts[1], strict=True))
    lower = (_NO_FILTER + left + right for left, right in zip(parts[2], parts[3], strict=True))
    return _png(b"".join((*upper, *lower)))


def _quadrant(seed: str, quadrant: int, side: int) -> list[bytes]:
    """A diagonal gradient through three colours: each row is the strip, one pixel further on."""
    hues = hashlib.sha256(f"{seed}#{quadrant}".encode("utf-8", "surrogatepass")).digest()
    stops: list[Colour] = [(hues[i], hues[i + 1], hues[i + 2]) for i in (0, 3, 6)]
    strip = _blend(stops[0], stops[1], side) + _blend(stops[1], stops[2], side)
    return [strip[3 * y : 3 * (y + side)] for y in range(side)]


def _blend(start: Colour, end: Colour, length: int) -> bytes:
    return bytes(a + (b - a) * step // length for step in range(length) for a, b in zip(start, end, strict=True))


def _png(rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

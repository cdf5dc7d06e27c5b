import struct
import time
import zlib

import pytest

from service.simulator.pictures import SIDE, draw

Rows = list[bytes]


def pixels(png: bytes) -> Rows:
    """The rows of an RGB picture without row filters; checks every part of the format that we use."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (SIDE, SIDE, 8, 2, 0, 0, 0)
    raw, width = zlib.decompress(chunks[b"IDAT"]), 1 + 3 * SIDE
    assert len(raw) == SIDE * width
    assert all(raw[y * width] == 0 for y in range(SIDE))
    return [raw[y * width + 1 : (y + 1) * width] for y in range(SIDE)]


@pytest.mark.parametrize("seed", ["a lovely cat", "一只可爱的猫 --ar 16:9", ""])
@pytest.mark.parametrize("quadrant", [None, 1, 4])
def test_a_picture_is_a_small_png(seed: str, quadrant: int | None) -> None:
    png = draw(seed, quadrant)
    assert len(pixels(png)) == SIDE
    assert len(png) <= 30_000


def test_the_colours_come_from_the_prompt() -> None:
    assert draw("一只猫") == draw("一只猫")
    assert draw("一只猫") != draw("一只狗")


@pytest.mark.parametrize(("quadrant", "x", "y"), [(1, 0, 0), (2, 128, 0), (3, 0, 128), (4, 128, 128)])
def test_an_upscale_shows_its_quadrant(quadrant: int, x: int, y: int) -> None:
    grid, single = pixels(draw("a cat")), pixels(draw("a cat", quadrant))
    assert single[0][:3] == grid[y][3 * x : 3 * x + 3]


def test_the_four_quadrants_differ() -> None:
    assert len({draw("a cat", quadrant) for quadrant in (1, 2, 3, 4)}) == 4


def test_drawing_is_quick() -> None:
    draw.cache_clear()
    started = time.process_time()
    for number in range(10):
        draw(f"prompt {number}")
    assert (time.process_time() - started) / 10 < 0.02

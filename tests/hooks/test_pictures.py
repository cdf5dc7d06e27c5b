"""What people hand in as a picture, and what they hear when it is none."""

import base64
import textwrap
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooks.errors import NotAPicture
from hooks.pictures import (
    LARGEST,
    LONGEST_TEXT,
    MediaType,
    Picture,
    as_data_url,
    know_picture,
    read_picture,
    require_room,
)

TOO_LARGE = "it has more than the 10 MiB that gateways take"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2
HEADS: dict[MediaType, bytes] = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF\x0a\n\x00\x00WEBP",
    "image/gif": b"GIF89a",
}
PICTURES = st.builds(lambda head, rest: head + rest, st.sampled_from([*HEADS.values(), b"GIF87a"]), st.binary())


def refusal(given: str | bytes) -> str:
    with pytest.raises(NotAPicture) as refused:
        know_picture(given) if isinstance(given, bytes) else read_picture(given)
    return str(refused.value)


@pytest.mark.parametrize("media_type", HEADS)
def test_a_picture_is_known_by_its_first_bytes(media_type: MediaType) -> None:
    content = HEADS[media_type] + b"the rest"
    assert know_picture(content) == Picture(media_type=media_type, content=content)


@pytest.mark.parametrize(
    "declared", ["image/jpeg", "image/jpg", "text/plain", "", "image/png;name=a.png;charset=utf-8"]
)
def test_a_declared_type_gives_way_to_what_the_bytes_say(declared: str) -> None:
    picture = read_picture(f"data:{declared};base64,{base64.b64encode(PNG).decode()}")
    assert picture == Picture(media_type="image/png", content=PNG)


@given(PICTURES)
def test_a_picture_survives_its_data_url(content: bytes) -> None:
    picture = know_picture(content)
    url = as_data_url(picture)
    assert url.startswith(f"data:{picture.media_type};base64,")
    assert not set(url) & set(" \r\n-_%")
    assert len(url.partition(",")[2]) % 4 == 0
    assert read_picture(url) == picture


def as_is(data: str) -> str:
    return data


def wrapped(data: str) -> str:
    return "\r\n".join(textwrap.wrap(data, 76))


def indented(data: str) -> str:
    return "\n    " + "\n\t  ".join(textwrap.wrap(data, 60)) + "\n  "


def url_safe(data: str) -> str:
    return data.replace("+", "-").replace("/", "_")


def unpadded(data: str) -> str:
    return data.rstrip("=")


SPELLINGS = st.sampled_from([as_is, wrapped, indented, url_safe, unpadded, lambda data: url_safe(unpadded(data))])
HEADERS = st.sampled_from(["", "data:image/png;base64,", "DATA:;BASE64,", " data:image/png;charset=x;base64 ,"])


@given(PICTURES, SPELLINGS, HEADERS)
def test_base64_is_read_in_every_spelling(content: bytes, spell: object, header: str) -> None:
    assert callable(spell)
    assert read_picture(header + spell(base64.b64encode(content).decode())).content == content


@given(PICTURES)
def test_a_data_url_may_be_percent_encoded(content: bytes) -> None:
    assert read_picture("data:image/png," + quote_from_bytes(content)).content == content
    encoded = quote(base64.b64encode(content).decode(), safe="")
    assert read_picture("data:image/png;base64," + encoded).content == content


@given(st.one_of(st.text(), st.text().map("data:{}".format), st.text().map("data:image/png;base64,{}".format)))
@example("data:")
@example("data:,")
@example("data:;base64")
@example("data:;base64,%")
@example("\ud800")
@example("data:,\ud800")
@example("data:;base64,%ff\ud800")
@example("====")
@example("A")
def test_any_text_is_a_picture_or_is_refused_with_a_reason(text: str) -> None:
    try:
        assert read_picture(text).media_type in HEADS
    except NotAPicture as refused:
        assert str(refused)


@given(st.binary())
def test_any_bytes_are_a_picture_or_are_refused_with_a_reason(content: bytes) -> None:
    for each in (content, base64.b64encode(content).decode()):
        try:
            assert (know_picture(each) if isinstance(each, bytes) else read_picture(each)).content == content
        except NotAPicture as refused:
            assert str(refused)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><html>", "a web page (HTML)"),
        (b"\xef\xbb\xbf\n\n  <HTML lang='en'>", "a web page (HTML)"),
        (b"<!-- not found --><html>", "a web page (HTML)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- by hand -->\n<svg>", "an SVG drawing"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b'{"error":"not found"}', "JSON"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC picture"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "a HEIC picture"),
        (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1", "an AVIF picture"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avif", "an AVIF picture"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", "a video"),
        (b"\x1a\x45\xdf\xa3webm", "a video"),
        (b"\xff\x0a\xfa", "a JPEG XL picture"),
        (b"II*\x00\x08", "a TIFF picture"),
        (b"BM\x46\x00\x00\x00\x00\x00\x00\x00", "a BMP picture"),
        (b"\x00\x00\x01\x00\x01", "an icon"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"RIFF\x00\x00\x00\x00WAVE", "something else"),
        (b"Not found", "something else"),
    ],
)
def test_what_is_no_picture_is_told_what_it_is(content: bytes, what: str) -> None:
    says = f"it is {what}; gateways take PNG, JPEG, WebP and GIF"
    assert refusal(content) == says
    assert refusal(base64.b64encode(content).decode()) == says


def test_a_drawing_in_a_data_url_without_base64_is_known_as_one() -> None:
    assert "an SVG drawing" in refusal("data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert "an SVG drawing" in refusal("data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E")


@pytest.mark.parametrize("nothing", ["", "  \n", "data:,", "data:image/png;base64,", "====", b""])
def test_nothing_at_all_is_called_empty(nothing: str | bytes) -> None:
    assert refusal(nothing) == "it is empty"


def test_blanks_where_plus_signs_were_are_told_and_not_swallowed() -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n\0" + b"\xfb\xef\xbe" * 8 + b"end").decode()
    assert "+" in data
    assert "perhaps each was a + that was lost on the way" in refusal(data.replace("+", " "))


def test_what_is_wrong_with_base64_is_said() -> None:
    data = base64.b64encode(PNG).decode().rstrip("=")
    whole = data[: len(data) // 4 * 4]
    assert "a part is missing" in refusal(whole + "A")
    for text in ("pictures/cat.png", "一只猫", whole[:-1] + "*", whole[:20] + "=" + whole[20:39]):
        assert refusal(text) == "it is neither an http(s) URL, nor a data URL, nor base64"
    assert refusal("data:image/png;base64,{}") == "what follows the comma of this data URL is not base64"
    assert refusal("data:image/png;base64") == "a data URL has a comma before its data: data:image/png;base64,…"


def test_the_largest_picture_is_taken_and_one_byte_more_is_not() -> None:
    largest = b"GIF89a".ljust(LARGEST, b"\0")
    assert read_picture(as_data_url(know_picture(largest))).content == largest
    more = largest + b"\0"
    assert refusal(more) == refusal(base64.b64encode(more).decode()) == TOO_LARGE


def test_a_text_that_is_far_too_long_is_not_even_decoded() -> None:
    assert refusal("A" * (LONGEST_TEXT + 1)) == TOO_LARGE


def test_pictures_are_bounded_together_too() -> None:
    largest = Picture(media_type="image/gif", content=b"GIF89a".ljust(LARGEST, b"\0"))
    small = know_picture(b"GIF89a")
    require_room([])
    require_room([largest, largest])
    with pytest.raises(NotAPicture, match="together they have more than the 20 MiB that gateways take"):
        require_room([largest, small, largest])
    assert len(as_data_url(largest)) * 2 < 30_000_000 < len(as_data_url(largest)) * 3  # what Kestrel takes


def test_a_picture_does_not_fill_a_log() -> None:
    assert repr(know_picture(PNG)) == "Picture(media_type='image/png')"

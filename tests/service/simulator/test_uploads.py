import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.simulator.uploads import is_data_url, is_link, is_picture


@given(st.binary(min_size=1, max_size=60), st.booleans())
def test_whatever_was_encoded_can_be_decoded(content: bytes, padded: bool) -> None:
    text = base64.b64encode(content).decode()
    assert is_data_url(f"data:image/webp;base64,{text if padded else text.rstrip('=')}")


@pytest.mark.parametrize(
    "picture",
    ["", "AAAA", "data:image/png;base64,", "data:image/png;base64,A", "data:image/png,AAAA", "data:;base64,AAAA", "猫"],
)
def test_other_texts_are_no_data_urls(picture: str) -> None:
    assert not is_data_url(picture)


def test_a_picture_is_a_link_a_data_url_or_bare_base64() -> None:
    assert is_link("https://a.test/猫.png")
    assert not is_link("ftp://a.test/a.png")
    assert all(map(is_picture, ("http://a.test/a.png", "data:image/png;base64,AAAA", "AAAA")))
    assert not any(map(is_picture, ("", "not base64!", "data:image/png;base64,!")))

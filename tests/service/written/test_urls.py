"""URLs in settings are http(s) with at most a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.written.urls import clean_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" https://R.example/ ", "https://r.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://r.example/a/B//", "https://r.example/a/B"),
        ("HTTPS://r.example", "https://r.example"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_a_url_is_cleaned(text: str, url: str) -> None:
    assert clean_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r.example",
        "ftp://r.example",
        "https://",
        "https:///path",
        "https://u:p@r.example",
        "https://r.example/?",
        "https://r.example/#",
        "https://r.example:99999",
        "https://r.example:x",
        "https://r.example:0",
        "https://[::1",
        "https://例子.example",
        "https://r.example/a b",
        "https://r.example/\x00",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_plain_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        clean_url(text)


@given(st.text(max_size=40) | st.text("htps:/[]@?#%.0a-", max_size=30).map("https://{}".format))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    try:
        url = clean_url(text)
    except ValueError:
        return
    assert clean_url(url) == url

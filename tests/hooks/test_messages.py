"""What is told to people does no harm where it is shown, whoever wrote the prompt that it quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.messages import LONGEST_TEXT, LONGEST_TITLE, Message, cut_bytes, hide_url, tame, unlink


def tamed(text: str) -> str:
    return tame(Message(title="", text=text)).text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("一只猫 👩‍👩‍👧 ❤️", "一只猫 👩‍👩‍👧 ❤️"),
        ("a\0b\x1b[2Jc\x85", "ab[2Jc"),
        ("one\r\ntwo\rthree\u2028four\tfive", "one\ntwo\nthree\nfour\tfive"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("{braces} {{more}} ${SECRET} %s", "{braces} {{more}} ${SECRET} %s"),
        ("half \ud83d a character", "half  a character"),
        ("me@example.com @cat", "me@example.com @cat"),
    ],
)
def test_a_text_keeps_what_can_be_seen(text: str, told: str) -> None:
    assert tamed(text) == told


@pytest.mark.parametrize(
    "call",
    [
        "@everyone",
        "@HERE",
        "@channel",
        "@all",
        "@room",
        "@所有人",
        "<@123>",
        "<@&7>",
        "<!channel>",
        "<#C1>",
        '<at user_id="all">',
        "</at>",
        "<AT id=all>",
    ],
)
def test_nobody_is_woken_by_a_prompt(call: str) -> None:
    told = tamed(f"a cat {call} now")
    assert call not in told
    assert told.replace("\u200b", "") == f"a cat {call} now", "it can be read all the same"


def test_words_that_hide_where_a_link_leads_show_it_in_a_chat() -> None:
    message = tame(Message(title="[a](b)", text="[my bank](http://evil.example) https://cdn.example/1.png [1] (2)"))
    assert (message.title, message.text[:10]) == ("[a](b)", "[my bank]("), "who reads JSON gets what was written"
    chat = unlink(message)
    assert "](" not in chat.title + chat.text
    assert chat.text.replace("\u200b", "") == message.text


def test_a_title_is_one_line() -> None:
    title = tame(Message(title="Hello\r\nBcc: all@example.com\n" + "x" * 1000, text="")).title
    assert title.startswith("Hello Bcc:")
    assert len(title) == LONGEST_TITLE


@given(st.text(), st.integers(3, 40))
def test_a_text_is_cut_on_a_character(text: str, longest: int) -> None:
    short = cut_bytes(text.encode(errors="ignore").decode(), longest)
    assert len(short.encode()) <= longest


@given(st.text())
def test_every_text_can_be_sent(text: str) -> None:
    assert isinstance(tamed(text).encode(), bytes)


def test_a_text_without_an_end_has_one() -> None:
    assert len(tamed("x" * 10**6)) == LONGEST_TEXT


def test_words_about_a_url_do_not_show_it() -> None:
    login = "u:pass-Geheim"
    url = f"https://{login}@bot.example/hook/token-Geheim/x?key=sk%2DGeheim-9"
    words = "bad key sk-Geheim-9 for token-Geheim by pass-Geheim at bot.example\nx"
    assert hide_url(words, url) == "bad key … for … by … at bot.example x"
    assert "Geheim" not in hide_url("token-Geheim-Geheim", "https://[broken/token-Geheim-Geheim")

"""What is taken out of texts: tokens and secrets in every spelling that a gateway might quote them in."""

import json
import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.blanker import HIDDEN, MAX_LEVELS, SHORTEST_SECRET, Blanker
from hooks.errors import NotATask
from hooks.token import TokenSigner
from hooks.wire import parse_envelope, parse_listed, parse_progress, parse_tasks

pytestmark = pytest.mark.fault

TOKEN = TokenSigner(["a-secret-key"], clock=lambda: 1_763_859_600.0).mint("8123456789012345", "Zk3x_9AbQ-w")
KEY = "sk-Geheim/0123456789+abc"
BLANKER = Blanker((KEY, "another-key"))


def percent(text: str, levels: int = 1) -> str:
    """Every character encoded, as often as that."""
    for _ in range(levels):
        text = "".join(f"%{ord(each):02X}" for each in text)
    return text


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in text)


# Texts


@pytest.mark.parametrize(
    ("text", "kept", "shown"),
    [
        ("a cat, 50% off, 猫", "a cat, 50% off, 猫", "a cat, 50% off, 猫"),
        ("https://x/?a=%E7%8C%AB&b=%20", *["https://x/?a=%E7%8C%AB&b=%20"] * 2),
        (r"C:\temp\u0041 \\\\ \n", *[r"C:\temp\u0041 \\\\ \n"] * 2),
        (f"key {KEY}.", "key ….", "key …."),
        (f"{KEY}{KEY} {KEY}", "…… …", "…… …"),
        (f"key={quote(KEY, safe='')}; next", "key=…; next", "key=…; next"),
        (f"key={percent(KEY, 2)} next", "key=… next", "key=… next"),
        (f'{{"key":"{escaped(KEY)}","a":"b"}}', '{"key":"…","a":"b"}', '{"key":"…","a":"b"}'),
        (json.dumps({"key": KEY}).replace("/", r"\/"), '{"key": "…"}', '{"key": "…"}'),
        (rf"[\\\"{KEY}\\\"]".replace("/", r"\\\\\\\/"), *[r'[\\\"…"]'] * 2),
        (f"see https://x/hooks/{TOKEN}?a=b", "", "see https://x/hooks/…?a=b"),
        (f"see {TOKEN[:-20]} cut", "", "see … cut"),
        (f"see <{percent(TOKEN)}>", "", "see <…>"),
        (f"see <{percent(TOKEN, 2)}>", "", "see <…>"),
        (f"see <{escaped(TOKEN)}>", "", "see <…>"),
        (f"{TOKEN} {KEY}", "", "… …"),
        ("task=8123456789012345 id=1741531578038546", *["task=8123456789012345 id=1741531578038546"] * 2),
    ],
)
def test_what_is_taken_out_of_a_text(text, kept, shown):
    assert (BLANKER.clean(text), BLANKER.hide(text)) == (kept, shown)


def test_the_longer_one_of_two_secrets_goes_first():
    assert Blanker(("abcdefgh", "abcdefgh-more")).hide("abcdefgh-more") == HIDDEN


@pytest.mark.parametrize("secrets", [(), ("",), ("k" * (SHORTEST_SECRET - 1),)])
def test_without_a_secret_that_can_be_told_from_other_text_nothing_is_hidden(secrets):
    assert Blanker(secrets).clean("kkkkkkk and no hook") == "kkkkkkk and no hook"


@pytest.mark.parametrize(
    "character", [".", "*", "[", "^", "]", "\\", '"', "%", "$", "|", "'", "~", "/", "<", "&", "\\/", '\\"']
)
def test_a_secret_may_hold_any_character(character):
    secret = f"key{character}-{character}41"
    blanker = Blanker((secret,))
    for written in (json.dumps(secret), f'"{escaped(secret)}"', json.dumps(secret).replace("/", r"\/")):
        body = f'{{"code":1,"description":{written}}}'.encode()
        assert parse_envelope(body, blanker).description == HIDDEN
    assert blanker.clean(percent(secret)) == HIDDEN
    assert blanker.clean("key--41 keyx-x41") == "key--41 keyx-x41"


def test_what_is_encoded_too_often_to_be_looked_through_is_blanked_unread():
    deep = "%" + "25" * 200 + "41"
    assert BLANKER.hide(f"a {deep} b") == "a … b"
    assert BLANKER.clean(f"{percent(KEY, MAX_LEVELS + 1)}") == ""


def test_a_megabyte_of_encodings_is_decoded_a_few_times_and_no_more(monkeypatch):
    asked = []

    def count(text):
        asked.append(len(text))
        return unquote(text)

    monkeypatch.setattr("hooks.blanker.unquote", count)
    for text in ("%25" * 333_333, "%" * 1_000_000, "%2541" * 200_000, r"\\u0041" * 150_000, "\\" * 1_000_000):
        asked.clear()
        BLANKER.clean(text)
        assert len(asked) <= 2 * (MAX_LEVELS + 1)


# Bodies: what is parsed never holds them


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif value is not None:
        yield str(value)


def readings(text: str) -> set[str]:
    """The text, and what anybody makes of it who decodes it up to three times, in either way."""
    found = {text}
    for _ in range(3):
        found |= {unquote(each) for each in found}
        found |= {unescape(each) for each in found}
    return found


def unescape(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def check_harmless(body: bytes, *secrets: str) -> None:
    for parse in (parse_progress, parse_listed, parse_tasks, parse_envelope):
        try:
            said: Any = parse(body, Blanker((KEY, *secrets)))
        except NotATask:
            continue
        for text in texts(msgspec.to_builtins(said)):
            for reading in readings(text):
                assert not any(secret in reading for secret in (TOKEN, KEY, *secrets)), text


FIELDS = ["id", "status", "progress", "failReason", "imageUrl", "description", "result", "prompt", "videoUrl", "state"]


def place(text: str) -> Iterator[str]:
    """Bodies of callbacks and answers with what stands for a text, quotes included, wherever one can stand."""
    for field in FIELDS:
        yield f'{{"code":1,"id":"1","status":"FAILURE",{json.dumps(field)}:{text}}}'
    yield f'{{"id":"1",{text}:1,"properties":{{{text}:[{text},{{"a":{text}}}],"notifyHook":{text}}}}}'
    yield f'{{"id":"1","buttons":[{{"customId":{text},"label":{text},"emoji":{text}}}],"videoUrls":[{{"url":{text}}}]}}'
    yield f'[{{"id":"1","status":{text}}},{text}]'
    yield f'{{"error":{{"message":{text},"type":{text}}}}}'
    yield text
    yield f"Invalid {text}"  # no JSON


@pytest.mark.parametrize("secret", [TOKEN, KEY])
@pytest.mark.parametrize("form", ["\\u{:04x}", "\\u{:04X}", "%{:02x}", "%{:02X}", "%25{:02X}", "\\u0025{:02X}"])
def test_a_single_letter_that_is_spelled_otherwise_hides_nothing(secret, form):
    for place_of, letter in enumerate(secret):
        spelled = secret[:place_of] + form.format(ord(letter)) + secret[place_of + 1 :]
        body = f'{{"id":"1","status":"FAILURE","failReason":"x {spelled} y"}}'.encode()
        reason = parse_progress(body, BLANKER).fail_reason
        assert reason == (None if secret == TOKEN else "x … y"), spelled


def test_a_secret_of_digits_is_found_in_a_number():
    body = b'{"code":1,"result":1234567890123,"properties":{"n":1234567890123,"m":7,"x":true,"y":null}}'
    said = parse_envelope(body, Blanker(("1234567890123",)))
    assert (said.result, said.properties) == ("…", {"n": "…", "m": 7, "x": True, "y": None})


@st.composite
def spellings(draw: st.DrawFn, secrets: st.SearchStrategy[str]) -> tuple[str, str]:
    """A secret, and a JSON text that holds it: each character percent-encoded up to twice, then escaped or not."""
    secret = draw(secrets)
    spelled = secret
    for level in range(draw(st.integers(0, 2))):
        must = "%" if level == 0 else ""  # a "%" of the secret's own always is, or it would be another secret
        spelled = "".join(
            draw(st.sampled_from([f"%{ord(each):02x}", f"%{ord(each):02X}"] + ([each] if each not in must else [])))
            for each in spelled
        )
    around = st.text(st.sampled_from("a 猫\0/.-=\n\"'") | st.characters(exclude_characters="%\\"), max_size=5)
    written = "".join(
        draw(st.sampled_from([json.dumps(each)[1:-1], f"\\u{ord(each):04x}", f"\\u{ord(each):04X}"]))
        for each in spelled
    )
    if draw(st.booleans()):
        written = written.replace("/", "\\/")
    nul = draw(st.sampled_from(["", "\\u0000"]))
    before, after = (json.dumps(draw(around), ensure_ascii=draw(st.booleans()))[1:-1] for _ in range(2))
    return secret, f'"{before}{nul}{written}{nul}{after}"'


# No part of a name that the protocol or we ourselves give.
keys = st.text(st.sampled_from(string.ascii_letters + string.digits + string.punctuation), min_size=6, max_size=30).map(
    "k~{}".format
)


@given(spellings(st.sampled_from([TOKEN, KEY]) | keys))
def test_no_mixture_of_encodings_brings_a_token_or_a_key_through(spelled):
    secret, text = spelled
    for body in place(text):
        check_harmless(body.encode("utf-8", "surrogatepass"), secret)


@given(st.text(), st.text(), st.sampled_from([TOKEN, KEY, percent(KEY), escaped(KEY)]))
def test_no_text_around_a_secret_keeps_it_in_the_log(before, after, spelled):
    shown = BLANKER.hide(f"{before} {spelled} {after}")
    assert spelled not in shown

"""What is read of bodies."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request

from service.web.calls import MAX_BODY, MAX_PICTURES
from service.web.facade.answers import Refusal
from service.web.facade.bodies import MOST_VALUES, read_fields
from service.web.problems import Problem

PICTURE = "A" * (2 * MAX_BODY)
HOOK = "https://we.example/hooks/8000000000000001-abcdefghijk.abcdef." + "a" * 43


def read(body: bytes) -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json")]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)
    return asyncio.run(read_fields(request, MAX_PICTURES))


def encode(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_a_large_body_is_made_harmless_like_a_small_one() -> None:
    fields = {"prompt": "一只猫", "remark": HOOK, "a\0b": [{"c": HOOK}], "n": 10**30}
    harmless = read(encode(**fields))
    assert (harmless["prompt"], harmless["remark"], harmless["n"]) == ("一只猫", "", 10**30)
    assert read(encode(**fields, base64=PICTURE)) == harmless | {"base64": PICTURE}


def test_pictures_are_read_as_they_are_and_the_others_beside_them() -> None:
    pictures = {"base64Array": [PICTURE, "https://a.example/b.png"], "maskBase64": PICTURE}
    assert read(encode(**pictures)) == pictures


@pytest.mark.parametrize("head", ["", " " * 2 * MAX_BODY])
def test_a_body_of_countless_values_is_refused_unread(head: str) -> None:
    many = f'{head}{{"prompt": "x", "a": [{"[]," * MOST_VALUES}[]]}}'.encode()
    with pytest.raises(Refusal, match="100000") as refused:
        read(many)
    assert (refused.value.code, refused.value.status) == (4, 400)
    assert len(read(f'{head}{{"a": [{"1," * (MOST_VALUES // 2)}1]}}'.encode())["a"]) == MOST_VALUES // 2 + 1


@pytest.mark.parametrize("body", [b"[1]", b"x", b'{"prompt":', b"[" * 99_000, b'"x"', b'{"a": "\xff"}', b'{"a": 1e999'])
def test_a_large_body_that_is_no_object_is_refused_as_gateways_do(body: bytes) -> None:
    with pytest.raises(Refusal, match="not a JSON object") as refused:
        read(b" " * 2 * MAX_BODY + body)
    assert (refused.value.code, refused.value.status) == (4, 400)


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.web.calls.READ_WITHIN", 0.05)

    async def scene() -> None:
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await never.wait()
            return {}

        headers = [(b"content-type", b"application/json"), (b"content-length", b"9")]
        await read_fields(Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive))

    with pytest.raises(Problem) as late:
        asyncio.run(scene())
    assert (late.value.status, late.value.headers) == (408, {"Connection": "close"})

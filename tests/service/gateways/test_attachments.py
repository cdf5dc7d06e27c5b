"""Pictures that come with a call become attachments of the ledger."""

import asyncio
import base64
import threading
from typing import Any

import pytest

from hooks.clients import target_client
from hooks.errors import NotAPicture
from hooks.targets import AllowList
from service.gateways import attachments
from service.gateways.attachments import name_attachments, take_attachments
from storage.attachments import Attachment, hash_attachment

PNG = b"\x89PNG\r\n\x1a\n"
ONE, OTHER = Attachment("image/png", PNG + b"one"), Attachment("image/gif", b"GIF89a")


def as_text(attachment: Attachment) -> str:
    return base64.b64encode(attachment.content).decode()


def test_pictures_are_taken_in_their_order(run: Any) -> None:
    async def scenario() -> None:
        async with target_client(AllowList()) as client:
            assert await take_attachments([as_text(OTHER), as_text(ONE)], client) == [OTHER, ONE]

    run(scenario())


def test_every_picture_that_cannot_be_taken_is_told_by_its_place(run: Any) -> None:
    async def scenario() -> None:
        async with target_client(AllowList()) as client:
            with pytest.raises(NotAPicture, match=r"^number 1: .*; number 3: "):
                await take_attachments(["!", as_text(ONE), "http://127.0.0.1/a.png"], client)

    run(scenario())


def test_pictures_are_hashed_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[threading.Thread] = set()

    def note_thread(attachment: Attachment) -> str:
        threads.add(threading.current_thread())
        return hash_attachment(attachment)

    monkeypatch.setattr(attachments, "hash_attachment", note_thread)
    assert asyncio.run(name_attachments([ONE, OTHER])) == [hash_attachment(ONE), hash_attachment(OTHER)]
    assert threads
    assert threading.main_thread() not in threads

"""Pictures that come with a call: data URLs, base64 or addresses become attachments of the ledger."""

import asyncio
from collections.abc import Sequence

import httpx

from hooks.downloads import take_picture
from hooks.errors import HookError, NotAPicture
from hooks.pictures import Picture, require_room
from storage.attachments import Attachment, hash_attachment


async def take_attachments(texts: Sequence[str], client: httpx.AsyncClient) -> list[Attachment]:
    """Take the pictures that these texts are or name, in their order; addresses are fetched through the guard.

    Raises hooks.errors.NotAPicture, NotFetched or ForbiddenTarget, whose messages can be shown to a person. Of several
    pictures every one that cannot be taken is told, by its place.
    """
    taken = await asyncio.gather(*(_take(text, client) for text in texts))
    pictures = [each for each in taken if isinstance(each, Picture)]
    mistakes = {place: each for place, each in enumerate(taken, 1) if isinstance(each, HookError)}
    if mistakes and len(texts) > 1:
        raise NotAPicture("; ".join(f"number {place}: {mistake}" for place, mistake in mistakes.items()))
    for mistake in mistakes.values():
        raise mistake
    require_room(pictures)
    return [Attachment(picture.media_type, picture.content) for picture in pictures]


async def name_attachments(pictures: Sequence[Attachment]) -> list[str]:
    """The names under which these pictures will be kept."""
    return [await asyncio.to_thread(hash_attachment, each) for each in pictures]  # megabytes would hold up the loop


async def _take(text: str, client: httpx.AsyncClient) -> Picture | HookError:
    try:
        return await take_picture(text, client)
    except HookError as error:
        return error

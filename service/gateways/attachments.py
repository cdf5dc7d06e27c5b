"""Pictures that come with a call: data URLs, base64 or addresses become attachments of the ledger."""

from collections.abc import Sequence

import httpx

from hooks.downloads import take_picture
from hooks.pictures import require_room
from storage.attachments import Attachment


async def take_attachments(texts: Sequence[str], client: httpx.AsyncClient) -> list[Attachment]:
    """Take the pictures that these texts are or name, in their order; addresses are fetched through the guard.

    Raises hooks.errors.NotAPicture, NotFetched or ForbiddenTarget, whose messages can be shown to a person.
    """
    pictures = [await take_picture(text, client) for text in texts]
    require_room(pictures)
    return [Attachment(picture.media_type, picture.content) for picture in pictures]

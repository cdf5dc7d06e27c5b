"""The pictures that a POST takes along, as they travel."""

import sqlite3
from collections.abc import Sequence
from typing import cast

from hooks.pictures import MediaType, Picture, as_data_url
from storage.attachments import read_attachments


def read_pictures(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, str]:
    """Give the pictures of these names as data URLs. Raises NoSuchAttachment."""
    pictures = (
        Picture(media_type=cast(MediaType, each.media_type), content=each.content)
        for each in read_attachments(db, names)
    )
    return dict(zip(names, map(as_data_url, pictures), strict=True))

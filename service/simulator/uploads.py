"""Pictures that come in with a submission: data URLs, and links where a gateway takes them."""

import re

_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/]+={0,2})")
_LINK = re.compile(r"https?://.+", re.DOTALL)


def is_data_url(picture: str) -> bool:
    """Whether it can be decoded. Java's decoder does without the padding, so "xxx" is two bytes and "x" none."""
    found = _DATA_URL.fullmatch(picture.strip())
    return found is not None and len(found[1].rstrip("=")) % 4 != 1


def is_link(picture: str) -> bool:
    """Whether it is the address of a picture."""
    return _LINK.fullmatch(picture) is not None


def is_picture(picture: str) -> bool:
    """Whether it is either; of base64 without its `data:` nothing else is asked, as the real ones complete it."""
    plain = picture.strip()
    return is_link(plain) or is_data_url(plain if plain.startswith("data:") else f"data:image/png;base64,{plain}")

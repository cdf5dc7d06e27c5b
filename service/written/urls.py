"""URLs that a person wrote into the settings."""

from urllib.parse import urlsplit, urlunsplit


def clean_url(text: str) -> str:
    """An http(s) URL with at most a path, without its trailing slash. Raises ValueError that says what is wrong."""
    text = text.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a URL is made of plain ASCII characters (xn--… for other alphabets) without blanks")
    parts = urlsplit(text)  # raises ValueError for broken brackets
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL begins with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise ValueError("a URL may not hold a user name or a password")
    if parts.port == 0:  # reading it raises ValueError for a port that is none
        raise ValueError("port 0 cannot be called")
    if "?" in text or "#" in text:
        raise ValueError("a URL may hold a path, but no ? and no #")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))

"""What one variable of the environment may say: text becomes a value, or a ValueError that says what is wrong."""

import math
from pathlib import Path

from service.gateways.presets import PRESETS
from service.written.mistakes import did_you_mean, quoted
from service.written.urls import clean_url

API_KEY_AT_LEAST = 16  # characters
# trueai-org's midjourney-proxy refuses a notifyHook above 2000 characters, and the token takes up to 200 of them.
PUBLIC_URL_AT_MOST = 1700
LOG_LEVELS = ("debug", "info", "warning", "error")


def parse_preset(text: str) -> str:
    """The name of a preset. Raises ValueError."""
    if text not in PRESETS:
        hint = did_you_mean(text, PRESETS) or f" (known: {', '.join(PRESETS)})"
        raise ValueError(f"there is no preset {quoted(text)}{hint}")
    return text


def parse_public_url(text: str) -> str:
    """The address under which gateways reach us, with room for a hook behind it. Raises ValueError."""
    url = clean_url(text)
    if len(url) > PUBLIC_URL_AT_MOST:
        raise ValueError(f"longer than {PUBLIC_URL_AT_MOST} characters, too long for a hook")
    return url


def parse_key(text: str) -> str:
    """One key, as a header can carry it. Raises ValueError."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a key is made of plain ASCII characters without blanks")
    return text


def parse_keys(text: str) -> tuple[str, ...]:
    """Keys between commas. Raises ValueError."""
    keys = tuple(parse_key(part.strip()) for part in text.split(",") if part.strip())
    if not keys:
        raise ValueError("there is no key between the commas")
    return keys


def parse_long_keys(text: str) -> tuple[str, ...]:
    """Keys between commas that nobody guesses. Raises ValueError."""
    keys = parse_keys(text)
    short = [str(place) for place, key in enumerate(keys, 1) if len(key) < API_KEY_AT_LEAST]
    if short:
        raise ValueError(f"key {', '.join(short)} of {len(keys)} is shorter than {API_KEY_AT_LEAST} characters")
    return keys


def parse_path(text: str) -> Path:
    """A path; `~` is its owner's home. Raises ValueError."""
    if "\0" in text:
        raise ValueError("a path may not hold a NUL character")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("nobody has that home directory") from None


def parse_seconds(text: str) -> float:
    """A number of seconds above 0. Raises ValueError."""
    seconds = float(text) if _is_number(text) else math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"expected a number of seconds above 0, found {quoted(text)}")
    return seconds


def _is_number(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit()


def parse_port(text: str) -> int:
    """A port; 0 lets the system choose. Raises ValueError."""
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1
    if not 0 <= port <= 65535:
        raise ValueError(f"expected a port from 0 to 65535, found {quoted(text)}")
    return port


def parse_word(text: str) -> str:
    """A host name or an address. Raises ValueError."""
    if not text.isprintable() or " " in text:
        raise ValueError(f"expected a host name or an address, found {quoted(text)}")
    return text


def parse_log_level(text: str) -> str:
    """One of LOG_LEVELS. Raises ValueError."""
    if text.lower() not in LOG_LEVELS:
        hint = did_you_mean(text, LOG_LEVELS) or f" (known: {', '.join(LOG_LEVELS)})"
        raise ValueError(f"there is no log level {quoted(text)}{hint}")
    return text.lower()

"""Keys that nobody configured: made at the first start, kept beside the database, read ever after."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from service.settings import Settings, SettingsError
from service.variables import API_KEY_AT_LEAST
from service.written.mistakes import Mistake
from service.written.private_file import PRIVATE, write_whole

API_KEY_PREFIX: Final = "rb_"
_RANDOM_BYTES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The keys in force. Its repr shows none of them."""

    api_keys: tuple[str, ...] = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)  # oldest first, the last signs
    made: tuple[str, ...] = ()  # the settings whose keys were made just now, to be announced once
    path: Path  # where made keys are kept
    warnings: tuple[str, ...] = ()  # what the operator should know of the keys, a line each


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file."""

    api_keys: tuple[str, ...]
    secret_keys: tuple[str, ...]


def make_api_key() -> str:
    """A new API key."""
    return API_KEY_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def make_secret_key() -> str:
    """A new secret key, for tokens and seals."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def load_keys(settings: Settings) -> Keys:
    """The configured keys; where there are none, those of `<database>.keys`, which is made when it is not there.

    Two processes that start at once end up with the same keys. Raises SettingsError when the file cannot be
    used.
    """
    path = _path(settings)
    missing = tuple(
        name
        for name, keys in (
            ("RINGBACK_API_KEYS", settings.api_keys),
            ("RINGBACK_SECRET_KEYS", settings.secret_keys),
        )
        if not keys
    )
    if not missing:
        return Keys(api_keys=settings.api_keys, secret_keys=settings.secret_keys, path=path)
    try:
        made = _make(path)
        kept, worries = _read(path)
    except OSError as error:
        raise _broken(path, f"cannot be made or read: {error.strerror}") from None
    return Keys(
        api_keys=settings.api_keys or kept.api_keys,
        secret_keys=settings.secret_keys or kept.secret_keys,
        made=missing if made else (),
        path=path,
        warnings=worries,
    )


def find_api_key(settings: Settings) -> str | None:
    """The key that a client shows: the one named for it, else the first configured, else the one that was made.

    It makes none: only the service may. Raises SettingsError when the file of made keys cannot be used.
    """
    if settings.api_key or settings.api_keys:
        return settings.api_key or settings.api_keys[0]
    return load_keys(settings).api_keys[0] if _path(settings).exists() else None


def find_keys(settings: Settings) -> Keys | None:
    """The keys in force, None where the service has not made any yet. Raises SettingsError as `load_keys` does."""
    configured = settings.api_keys and settings.secret_keys
    return load_keys(settings) if configured or _path(settings).exists() else None


def _path(settings: Settings) -> Path:
    return settings.database.with_name(f"{settings.database.name}.keys")


def _make(path: Path) -> bool:
    """Make the file; False when it is there already, or another process was quicker."""
    if path.exists():
        return False
    keys = _Kept(api_keys=(make_api_key(),), secret_keys=(make_secret_key(),))
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(keys)).decode() + "\n")
    except FileExistsError:
        return False
    return True


def _read(path: Path) -> tuple[_Kept, tuple[str, ...]]:
    data = path.read_bytes()
    try:
        kept = msgspec.json.decode(data, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        kept = None  # msgspec's message could quote what stands there
    if kept is None or not _usable(kept):
        raise _broken(path, "no keys in it that can be used; restore it, or move it away to have new keys made")
    others = path.stat().st_mode & 0o777 & ~PRIVATE
    return kept, (f"{path} may be read by others; run: chmod 600 {path}",) if others else ()


def _usable(kept: _Kept) -> bool:
    keys = kept.api_keys + kept.secret_keys
    return bool(kept.api_keys and kept.secret_keys) and all(len(key) >= API_KEY_AT_LEAST for key in keys)


def _broken(path: Path, message: str) -> SettingsError:
    return SettingsError([Mistake(str(path), None, None, message)])

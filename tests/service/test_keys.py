"""Keys that nobody configured are made once, kept to their owner, and the same for everybody."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.keys import load_keys
from service.settings import SettingsError, load_settings

KEY = "rb_0123456789abcdef"


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    first = load_keys(settings)
    again = load_keys(settings)
    assert first.made == ("RINGBACK_API_KEYS", "RINGBACK_SECRET_KEYS")
    assert again.made == ()
    assert (again.api_keys, again.secret_keys) == (first.api_keys, first.secret_keys)
    assert first.path == tmp_path / "ringback.db.keys"
    assert first.path.stat().st_mode & 0o777 == 0o600
    assert first.api_keys[0].startswith("rb_")
    assert len(first.api_keys[0]) > 40
    assert first.api_keys[0] not in repr(first)
    assert first.secret_keys[0] not in repr(first)
    assert list(tmp_path.iterdir()) == [first.path]


def test_configured_keys_need_no_file(tmp_path: Path) -> None:
    settings = load_settings({"RINGBACK_API_KEYS": KEY, "RINGBACK_SECRET_KEYS": f"{KEY}a,{KEY}b"}, tmp_path)
    keys = load_keys(settings)
    assert (keys.api_keys, keys.secret_keys, keys.made) == ((KEY,), (f"{KEY}a", f"{KEY}b"), ())
    assert not keys.path.exists()


def test_a_configured_half_is_taken_and_the_other_is_made(tmp_path: Path) -> None:
    keys = load_keys(load_settings({"RINGBACK_API_KEYS": KEY}, tmp_path))
    assert keys.api_keys == (KEY,)
    assert keys.made == ("RINGBACK_SECRET_KEYS",)
    later = load_keys(load_settings({}, tmp_path))
    assert later.secret_keys == keys.secret_keys
    assert later.api_keys[0].startswith("rb_")


def test_many_that_start_at_once_have_the_same_keys(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(load_keys, [settings] * 64))
    assert len({(keys.api_keys, keys.secret_keys) for keys in found}) == 1
    assert sum(bool(keys.made) for keys in found) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"api_keys": ["sk-leak"]}',
        b'{"api_keys": ["sk-leak"], "secret_keys": []}',
        b'{"api_keys": "sk-leak", "secret_keys": "x"}',
    ],
)
def test_a_broken_file_is_a_clear_mistake_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ringback.db.keys"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="no keys in it that can be used; restore it") as caught:
        load_keys(load_settings({}, tmp_path))
    assert "sk-leak" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_file_that_others_may_read_is_used_with_a_warning(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    path = load_keys(settings).path
    assert load_keys(settings).warnings == ()
    path.chmod(0o640)
    assert load_keys(settings).warnings == (f"{path} may be read by others; run: chmod 600 {path}",)


def test_a_directory_that_is_not_there_is_a_clear_mistake(tmp_path: Path) -> None:
    settings = load_settings({"RINGBACK_DATABASE": "nowhere/l.db"}, tmp_path)
    with pytest.raises(SettingsError, match="cannot be made or read: No such file or directory"):
        load_keys(settings)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    keys = load_keys(load_settings({}, tmp_path))
    content = json.loads(keys.path.read_text(encoding="utf-8"))
    assert content == {"api_keys": list(keys.api_keys), "secret_keys": list(keys.secret_keys)}


def test_an_open_umask_does_not_open_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = load_keys(load_settings({}, tmp_path)).path
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600

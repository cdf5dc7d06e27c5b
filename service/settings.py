"""What differs per deployment, from the environment and `.env`, as one frozen record."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from service.gateways.presets import PRESETS, Gateway, clean_gateway_url
from service.written.environment import PROCESS, Environment, read_environment
from service.written.mistakes import Mistake, MistakesFound, did_you_mean, quoted
from service.written.urls import clean_url

API_KEY_AT_LEAST = 16  # characters
# trueai-org's midjourney-proxy refuses a notifyHook above 2000 characters, and the token takes up to 200 of them.
PUBLIC_URL_AT_MOST = 1700
LOG_LEVELS = ("debug", "info", "warning", "error")

_PREFIX = "RINGBACK_"
NAMES = (
    "RINGBACK_GATEWAY",
    "RINGBACK_GATEWAY_KEY",
    "RINGBACK_GATEWAY_URL",
    "RINGBACK_PUBLIC_URL",
    "RINGBACK_DATABASE",
    "RINGBACK_SECRET_KEYS",
    "RINGBACK_API_KEYS",
    "RINGBACK_CONFIG",
    "RINGBACK_SILENT_AFTER",
    "RINGBACK_LOST_AFTER",
    "RINGBACK_LOG",
    "RINGBACK_URL",
    "RINGBACK_API_KEY",
)

T = TypeVar("T")


class SettingsError(MistakesFound):
    """The settings cannot be used; `mistakes` says all that is wrong with them, and never shows a key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one deployment. Its repr shows no secret."""

    gateway: Gateway | None  # None until a gateway is configured
    public_url: str | None  # how gateways reach us, without a slash at the end; None means hookless
    database: Path
    secret_keys: tuple[str, ...] = field(repr=False)  # oldest first, the last signs; empty when not configured
    api_keys: tuple[str, ...] = field(repr=False)  # empty when not configured
    config: Path
    config_named: bool  # whether somebody asked for that file, so that it must be there
    silent_after: float  # seconds without news before the gateway is asked
    lost_after: float  # seconds without evidence before a task is given up
    host: str
    port: int  # 0 lets the system choose
    log: str  # one of LOG_LEVELS
    url: str  # where the command line finds the service
    api_key: str | None = field(repr=False)  # what it shows there; None means the first API key
    environ: Mapping[str, str] = field(repr=False)  # everything, for `${NAME}` in the configuration

    def require_gateway(self) -> Gateway:
        """The gateway. Raises SettingsError, naming what to set, when none is configured."""
        if self.gateway is None:
            hostless = ", ".join(name for name, preset in PRESETS.items() if preset.url is None)
            message = (
                f"RINGBACK_GATEWAY: not set. Set it to one of {', '.join(PRESETS)}, RINGBACK_GATEWAY_KEY to its key,"
                f" RINGBACK_GATEWAY_URL to its address ({hostless}), and RINGBACK_PUBLIC_URL so that it can call back;"
                " `ringback init` asks for them"
            )
            raise SettingsError([Mistake(PROCESS, None, None, message)])
        return self.gateway


def load_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """The settings of a process with this environment in this directory, whose `.env` counts below it.

    Raises SettingsError with every mistake at once.
    """
    return read_settings(read_environment(environ, cwd), cwd)


def read_settings(environment: Environment, cwd: Path) -> Settings:
    """The settings in these variables; paths are taken from `cwd`. Raises SettingsError."""
    reader = _Reader(environment)
    host = reader.read("HOST", _word, "127.0.0.1")
    port = reader.read("PORT", _port, 8000)
    config = reader.read("RINGBACK_CONFIG", _path, None)
    settings = Settings(
        gateway=reader.read_gateway(),
        public_url=reader.read("RINGBACK_PUBLIC_URL", _public_url, None),
        database=cwd / reader.read("RINGBACK_DATABASE", _path, Path("ringback.db")),
        secret_keys=reader.read("RINGBACK_SECRET_KEYS", _long_keys, ()),
        api_keys=reader.read("RINGBACK_API_KEYS", _long_keys, ()),
        config=cwd / (config or "ringback.yaml"),
        config_named=config is not None,
        silent_after=reader.read("RINGBACK_SILENT_AFTER", _seconds, 30.0),
        lost_after=reader.read("RINGBACK_LOST_AFTER", _seconds, 7200.0),
        host=host,
        port=port,
        log=reader.read("RINGBACK_LOG", _log_level, "info"),
        url=reader.read("RINGBACK_URL", clean_url, f"http://{_reachable(host)}:{port}"),
        api_key=reader.read("RINGBACK_API_KEY", _key, None),
        environ=environment.values,
    )
    if settings.lost_after < settings.silent_after:
        message = "it would give up before it asks: at least RINGBACK_SILENT_AFTER"
        set_one = "RINGBACK_LOST_AFTER" if reader.is_set("RINGBACK_LOST_AFTER") else "RINGBACK_SILENT_AFTER"
        reader.mistake(set_one, f"RINGBACK_LOST_AFTER is {settings.lost_after:g} s, and {message}")
    if reader.mistakes:
        raise SettingsError(reader.mistakes)
    return settings


class _Reader:
    """Reads one variable after the other and collects what is wrong."""

    def __init__(self, environment: Environment) -> None:
        self._variables = environment.variables
        self.mistakes = list(environment.mistakes)
        for name, variable in self._variables.items():
            if name.startswith(_PREFIX) and name not in NAMES:
                self.mistakes.append(variable.mistake(f"{name}: there is no such setting{_suggest(name)}"))

    def is_set(self, name: str) -> bool:
        return name in self._variables and bool(self._variables[name].value.strip())

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """What a variable says; the default when it is not set, or blank, or wrong (a mistake)."""
        if not self.is_set(name):
            return default
        try:
            return parse(self._variables[name].value.strip())
        except ValueError as error:
            self.mistake(name, str(error))
            return default

    def mistake(self, name: str, message: str) -> None:
        self.mistakes.append(self._variables[name].mistake(f"{name}: {message}"))

    def read_gateway(self) -> Gateway | None:
        name = self.read("RINGBACK_GATEWAY", _preset, "")
        key = self.read("RINGBACK_GATEWAY_KEY", _key, None)
        url = self.read("RINGBACK_GATEWAY_URL", clean_gateway_url, None)
        if not name:
            return None
        preset = PRESETS[name]
        if not self.is_set("RINGBACK_GATEWAY_KEY"):
            self.mistake("RINGBACK_GATEWAY", f"{name} needs RINGBACK_GATEWAY_KEY, which is not set")
        if preset.url is None and not self.is_set("RINGBACK_GATEWAY_URL"):
            self.mistake("RINGBACK_GATEWAY", f"{name} has no host of its own; set RINGBACK_GATEWAY_URL to yours")
        url = url or preset.url
        return Gateway(name=name, url=url, key=key, auth=preset.auth) if key and url else None


def _suggest(name: str) -> str:
    # The prefix, which all have in common, would make everything look near.
    ends = [known.removeprefix(_PREFIX) for known in NAMES]
    return did_you_mean(name.removeprefix(_PREFIX), ends).replace("'", f"'{_PREFIX}", 1)


def _preset(text: str) -> str:
    if text not in PRESETS:
        hint = did_you_mean(text, PRESETS) or f" (known: {', '.join(PRESETS)})"
        raise ValueError(f"there is no preset {quoted(text)}{hint}")
    return text


def _public_url(text: str) -> str:
    url = clean_url(text)
    if len(url) > PUBLIC_URL_AT_MOST:
        raise ValueError(f"longer than {PUBLIC_URL_AT_MOST} characters, too long for a hook")
    return url


def _key(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a key is made of plain ASCII characters without blanks")
    return text


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(_key(part.strip()) for part in text.split(",") if part.strip())
    if not keys:
        raise ValueError("there is no key between the commas")
    return keys


def _long_keys(text: str) -> tuple[str, ...]:
    keys = _keys(text)
    short = [str(place) for place, key in enumerate(keys, 1) if len(key) < API_KEY_AT_LEAST]
    if short:
        raise ValueError(f"key {', '.join(short)} of {len(keys)} is shorter than {API_KEY_AT_LEAST} characters")
    return keys


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError("a path may not hold a NUL character")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("nobody has that home directory") from None


def _seconds(text: str) -> float:
    seconds = float(text) if _is_number(text) else math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"expected a number of seconds above 0, found {quoted(text)}")
    return seconds


def _is_number(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit()


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1
    if not 0 <= port <= 65535:
        raise ValueError(f"expected a port from 0 to 65535, found {quoted(text)}")
    return port


def _word(text: str) -> str:
    if not text.isprintable() or " " in text:
        raise ValueError(f"expected a host name or an address, found {quoted(text)}")
    return text


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        hint = did_you_mean(text, LOG_LEVELS) or f" (known: {', '.join(LOG_LEVELS)})"
        raise ValueError(f"there is no log level {quoted(text)}{hint}")
    return text.lower()


def _reachable(host: str) -> str:
    """The address to call when the service listens on this one."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — compared with, not listened on
    host = everywhere.get(host, host)
    return f"[{host}]" if ":" in host else host

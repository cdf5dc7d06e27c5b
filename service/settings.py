"""What differs per deployment, from the environment and `.env`, as one frozen record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hooks.targets import AllowList, parse_allow_list
from service.gateways.presets import PRESETS, Gateway, clean_gateway_url
from service.variables import (
    parse_key,
    parse_log_level,
    parse_long_keys,
    parse_path,
    parse_port,
    parse_preset,
    parse_public_url,
    parse_seconds,
    parse_word,
)
from service.written.environment import PROCESS, Environment, read_environment
from service.written.mistakes import Mistake, MistakesFound, did_you_mean
from service.written.urls import clean_url

_PREFIX = "RINGBACK_"
NAMES = (
    "RINGBACK_GATEWAY",
    "RINGBACK_GATEWAY_KEY",
    "RINGBACK_GATEWAY_URL",
    "RINGBACK_PUBLIC_URL",
    "RINGBACK_DATABASE",
    "RINGBACK_DOWNLOADS",
    "RINGBACK_SECRET_KEYS",
    "RINGBACK_API_KEYS",
    "RINGBACK_CONFIG",
    "RINGBACK_SILENT_AFTER",
    "RINGBACK_LOST_AFTER",
    "RINGBACK_ALLOW_TARGETS",
    "RINGBACK_LOG",
    "RINGBACK_URL",
    "RINGBACK_API_KEY",
)

_HOSTLESS = ", ".join(name for name, preset in PRESETS.items() if preset.url is None)
NO_GATEWAY = Mistake(
    PROCESS,
    None,
    None,
    f"RINGBACK_GATEWAY: not set. Set it to one of {', '.join(PRESETS)}, RINGBACK_GATEWAY_KEY to its key,"
    f" RINGBACK_GATEWAY_URL to its address ({_HOSTLESS}), and RINGBACK_PUBLIC_URL so that it can call back;"
    " `ringback init` asks for them",
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
    downloads: Path  # the folder below which rules keep pictures; made when the first one is kept
    secret_keys: tuple[str, ...] = field(repr=False)  # oldest first, the last signs; empty when not configured
    api_keys: tuple[str, ...] = field(repr=False)  # empty when not configured
    config: Path
    config_named: bool  # whether somebody asked for that file, so that it must be there
    silent_after: float  # seconds without news before the gateway is asked
    lost_after: float  # seconds without evidence before a task is given up
    allow_targets: AllowList  # private addresses that may be called when somebody else chose the URL
    host: str
    port: int  # 0 lets the system choose
    log: str  # one of LOG_LEVELS
    url: str  # where the command line finds the service
    api_key: str | None = field(repr=False)  # what it shows there; None means the first API key
    environ: Mapping[str, str] = field(repr=False)  # everything, for `${NAME}` in the configuration

    def require_gateway(self) -> Gateway:
        """The gateway. Raises SettingsError, naming what to set, when none is configured."""
        if self.gateway is None:
            raise SettingsError([NO_GATEWAY])
        return self.gateway


def load_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """The settings of a process with this environment in this directory, whose `.env` counts below it.

    Raises SettingsError with every mistake at once.
    """
    return read_settings(read_environment(environ, cwd), cwd)


def read_settings(environment: Environment, cwd: Path) -> Settings:
    """The settings in these variables; paths are taken from `cwd`. Raises SettingsError."""
    settings, mistakes = collect_settings(environment, cwd)
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def collect_settings(environment: Environment, cwd: Path) -> tuple[Settings, list[Mistake]]:
    """The settings, with the default in the place of each that is wrong, and every mistake."""
    reader = _Reader(environment)
    host = reader.read("HOST", parse_word, "127.0.0.1")
    port = reader.read("PORT", parse_port, 8000)
    config = reader.read("RINGBACK_CONFIG", parse_path, None)
    database = cwd / reader.read("RINGBACK_DATABASE", parse_path, Path("ringback.db"))
    settings = Settings(
        gateway=reader.read_gateway(),
        public_url=reader.read("RINGBACK_PUBLIC_URL", parse_public_url, None),
        database=database,
        downloads=cwd / reader.read("RINGBACK_DOWNLOADS", parse_path, database.parent / "downloads"),
        secret_keys=reader.read("RINGBACK_SECRET_KEYS", parse_long_keys, ()),
        api_keys=reader.read("RINGBACK_API_KEYS", parse_long_keys, ()),
        config=cwd / (config or "ringback.yaml"),
        config_named=config is not None,
        silent_after=reader.read("RINGBACK_SILENT_AFTER", parse_seconds, 30.0),
        lost_after=reader.read("RINGBACK_LOST_AFTER", parse_seconds, 7200.0),
        allow_targets=reader.read("RINGBACK_ALLOW_TARGETS", parse_allow_list, AllowList()),
        host=host,
        port=port,
        log=reader.read("RINGBACK_LOG", parse_log_level, "info"),
        url=reader.read("RINGBACK_URL", clean_url, f"http://{_reachable(host)}:{port}"),
        api_key=reader.read("RINGBACK_API_KEY", parse_key, None),
        environ=environment.values,
    )
    if settings.lost_after < settings.silent_after:
        message = "it would give up before it asks: at least RINGBACK_SILENT_AFTER"
        set_one = "RINGBACK_LOST_AFTER" if environment.is_set("RINGBACK_LOST_AFTER") else "RINGBACK_SILENT_AFTER"
        reader.mistake(set_one, f"RINGBACK_LOST_AFTER is {settings.lost_after:g} s, and {message}")
    return settings, reader.mistakes


class _Reader:
    """Reads one variable after the other and collects what is wrong."""

    def __init__(self, environment: Environment) -> None:
        self._variables = environment.variables
        self._is_set = environment.is_set
        self.mistakes = list(environment.mistakes)
        for name, variable in self._variables.items():
            if name.startswith(_PREFIX) and name not in NAMES:
                self.mistakes.append(variable.mistake(f"{name}: there is no such setting{_suggest(name)}"))
        for name, (first, *others) in environment.written.items():
            if name in (*NAMES, "HOST", "PORT"):
                self.mistakes += [each.mistake(f"{name}: it is set on line {first.line} already") for each in others]

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """What a variable says; the default when it is not set, or blank, or wrong (a mistake)."""
        if not self._is_set(name):
            return default
        try:
            return parse(self._variables[name].value.strip())
        except ValueError as error:
            self.mistake(name, str(error))
            return default

    def mistake(self, name: str, message: str) -> None:
        self.mistakes.append(self._variables[name].mistake(f"{name}: {message}"))

    def read_gateway(self) -> Gateway | None:
        name = self.read("RINGBACK_GATEWAY", parse_preset, "")
        key = self.read("RINGBACK_GATEWAY_KEY", parse_key, None)
        url = self.read("RINGBACK_GATEWAY_URL", clean_gateway_url, None)
        if self._is_set("RINGBACK_GATEWAY") and not self._is_set("RINGBACK_GATEWAY_KEY"):
            self.mistake("RINGBACK_GATEWAY", f"{name or 'it'} needs RINGBACK_GATEWAY_KEY, which is not set")
        if not name:
            return None
        preset = PRESETS[name]
        if preset.url is None and not self._is_set("RINGBACK_GATEWAY_URL"):
            self.mistake("RINGBACK_GATEWAY", f"{name} has no host of its own; set RINGBACK_GATEWAY_URL to yours")
        url = url or preset.url
        if not (key and url):
            return None
        return Gateway(name=name, url=url, key=key, auth=preset.auth, mode_style=preset.mode_style)


def _suggest(name: str) -> str:
    # The prefix, which all have in common, would make everything look near.
    ends = [known.removeprefix(_PREFIX) for known in NAMES]
    return did_you_mean(name.removeprefix(_PREFIX), ends).replace("'", f"'{_PREFIX}", 1)


def _reachable(host: str) -> str:
    """The address to call when the service listens on this one."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — compared with, not listened on
    host = everywhere.get(host, host)
    return f"[{host}]" if ":" in host else host

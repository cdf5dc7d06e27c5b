"""All that a deployment says: its settings and its `ringback.yaml`, read together so that all mistakes come at once."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from hooks.blanker import SHORTEST_SECRET
from service.config import Config, ConfigError, load_config, run_trials
from service.gateways.presets import Gateway
from service.gateways.roster import Roster
from service.settings import NO_GATEWAY, Settings, collect_settings
from service.written.environment import PROCESS, Variable, read_environment
from service.written.mistakes import Mistake, MistakesFound


def load_deployment(environ: Mapping[str, str], cwd: Path, *, dry_run: bool = False) -> tuple[Settings, Config]:
    """What a service with this environment in this directory goes by; it has a gateway. `dry_run` makes every rule dry.

    Raises MistakesFound with every mistake of the environment, of `.env` and of the configuration file; where there is
    none, with every test in that file that fails.
    """
    environment = read_environment(environ, cwd)
    settings, mistakes = collect_settings(environment, cwd)
    config, has_gateway = Config(), environment.is_set("RINGBACK_GATEWAY")
    try:
        config = load_config(settings.config, named=settings.config_named, environ=settings.environ)
    except ConfigError as error:
        named = settings.config_named
        has_gateway |= any(each.line is not None for each in error.mistakes)  # there may be one among the mistakes
        mistakes += [
            replace(each, message=f"{each.message}; RINGBACK_CONFIG names it") if named and each.line is None else each
            for each in error.mistakes
        ]
    if (lost := _find_lost_ledger(settings.database)) is not None:
        place = environment.variables.get("RINGBACK_DATABASE", Variable("", PROCESS))
        mistakes.append(place.mistake(f"RINGBACK_DATABASE: {lost}"))
    if not has_gateway and not config.gateways:
        mistakes.append(NO_GATEWAY)
    first = settings.gateway
    if first is not None and any(gateway.name == first.name for gateway in config.gateways):
        message = f"gateways: {first.name!r} is the name of the one in RINGBACK_GATEWAY; give yours another name"
        mistakes.append(Mistake(str(settings.config), None, None, message))
    if mistakes := mistakes or run_trials(config):
        raise MistakesFound(mistakes)
    return settings, _make_dry(config) if dry_run else config


def _make_dry(config: Config) -> Config:
    rules = tuple(replace(rule, dry_run=True) for rule in config.rulebook.rules)
    return replace(config, rulebook=replace(config.rulebook, rules=rules))


def _find_lost_ledger(database: Path) -> str | None:
    """Why no ledger can be at this path; told before a lock or a key is written beside it."""
    try:
        if database.is_dir():
            return f"{database} is a folder; name a file in it, such as {database / 'ringback.db'}"
        if not database.parent.is_dir():
            return f"there is no folder {database.parent}; make it, or name another file"
    except OSError as error:
        return f"{database} cannot be used: {error.strerror}"
    return None


def gather_gateways(settings: Settings, config: Config) -> Roster:
    """Every gateway of a deployment, the default one first. Raises SettingsError when there is none."""
    first = () if config.gateways and settings.gateway is None else (settings.require_gateway(),)
    return Roster(gateways=first + config.gateways, groups=config.groups)


def warn_of_short_keys(gateways: Iterable[Gateway]) -> list[str]:
    """A line for each gateway whose key cannot be blanked. Keys of other kinds are never that short."""
    return [
        f"The key of gateway {gateway.name} has fewer than {SHORTEST_SECRET} characters, too few to tell it from other"
        " text: where the gateway quotes it, it is kept and logged"
        for gateway in gateways
        if len(gateway.key) < SHORTEST_SECRET
    ]

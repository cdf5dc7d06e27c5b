"""All that a deployment says: its settings and its `ringback.yaml`, read together so that all mistakes come at once."""

from collections.abc import Mapping
from pathlib import Path

from service.config import Config, ConfigError, load_config
from service.settings import NO_GATEWAY, Settings, collect_settings
from service.written.environment import read_environment
from service.written.mistakes import Mistake, MistakesFound


def load_deployment(environ: Mapping[str, str], cwd: Path) -> tuple[Settings, Config]:
    """What a service with this environment in this directory goes by; it has a gateway.

    Raises MistakesFound with every mistake of the environment, of `.env` and of the configuration file.
    """
    environment = read_environment(environ, cwd)
    settings, mistakes = collect_settings(environment, cwd)
    config = Config()
    try:
        config = load_config(settings.config, named=settings.config_named, environ=settings.environ)
    except ConfigError as error:
        mistakes += error.mistakes
    if not environment.is_set("RINGBACK_GATEWAY") and not config.gateways:
        mistakes.append(NO_GATEWAY)
    first = settings.gateway
    if first is not None and any(gateway.name == first.name for gateway in config.gateways):
        message = f"gateways: {first.name!r} is the name of the one in RINGBACK_GATEWAY; give yours another name"
        mistakes.append(Mistake(str(settings.config), None, None, message))
    if mistakes:
        raise MistakesFound(mistakes)
    return settings, config

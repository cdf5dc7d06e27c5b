"""`ringback.yaml`: what one writes and reviews, as one frozen record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.gateways.presets import Gateway
from service.gateways.roster import read_gateways, read_groups
from service.rules.hindsight.trials import Trial
from service.rules.hindsight.trials import run_trials as run_all
from service.rules.limits import Limits
from service.rules.reading.limits import read_limits
from service.rules.reading.rulebook import list_ids, read_rulebook
from service.rules.reading.trials import read_trials
from service.rules.rulebook import Rulebook
from service.subscriptions.reading import read_subscriptions
from service.subscriptions.written import WrittenSubscription
from service.written.document import MAX_BYTES, Document
from service.written.mistakes import Mistake, MistakesFound


class ConfigError(MistakesFound):
    """`ringback.yaml` cannot be used; `mistakes` says all that is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything that a configuration file says; without one, the defaults and no rules."""

    gateways: tuple[Gateway, ...] = ()  # beside the one that the environment names
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # names of gateways, in the order to try
    limits: Limits = field(default_factory=Limits)
    rulebook: Rulebook = field(default_factory=Rulebook)
    subscriptions: tuple[WrittenSubscription, ...] = ()
    trials: tuple[Trial, ...] = ()  # what the file itself expects of its rules
    files: tuple[Path, ...] = ()  # others that it names: what they hold was read with it


_SECTIONS = ("gateways", "groups", "limits", "rules", "subscriptions", "tests")


def parse_config(data: bytes, *, file: str, environ: Mapping[str, str]) -> Config:
    """The Config in these bytes. `file` is the name for messages, `environ` is where `${NAME}` looks.

    Raises ConfigError with every mistake (the first ones, where there are too many), and nothing else whatever the
    bytes are.
    """
    try:
        return _parse(data, file=file, environ=environ)
    except MistakesFound as error:
        raise ConfigError(error.mistakes) from None


def _parse(data: bytes, *, file: str, environ: Mapping[str, str]) -> Config:
    document = Document(data, file=file, environ=environ)
    sections = document.root.mapping(_SECTIONS) if document.root else {}
    # A section whose lines are all commented out is as good as none.
    values = {name: node for name, node in sections.items() if node.value is not None or node.broken}
    gateways = read_gateways(values["gateways"]) if "gateways" in values else ()
    first = environ.get("RINGBACK_GATEWAY")
    known = {gateway.name for gateway in gateways} | ({first} if first else set())
    groups = read_groups(values["groups"], frozenset(known)) if "groups" in values else {}
    limits = read_limits(values["limits"]) if "limits" in values else Limits()
    rulebook = read_rulebook(values.get("rules"), limits)
    subscriptions = read_subscriptions(values["subscriptions"]) if "subscriptions" in values else ()
    trials = read_trials(values["tests"], list_ids(values.get("rules"))) if "tests" in values else ()
    if document.source.mistakes:
        raise MistakesFound(document.source.mistakes)
    files = tuple(dict.fromkeys(document.source.files))
    return Config(
        gateways=gateways,
        groups=groups,
        limits=limits,
        rulebook=rulebook,
        subscriptions=subscriptions,
        trials=trials,
        files=files,
    )


def load_config(path: Path, *, named: bool, environ: Mapping[str, str]) -> Config:
    """The Config in a file. A file that is not there is an empty one, unless it was `named` explicitly.

    Raises ConfigError with every mistake.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # one more than allowed is enough to refuse it
    except FileNotFoundError:
        if not named:
            return Config()
        raise ConfigError([Mistake(str(path), None, None, "there is no such file")]) from None
    except OSError as error:
        raise ConfigError([Mistake(str(path), None, None, f"cannot be read: {error.strerror}")]) from None
    return parse_config(data, file=str(path), environ=environ)


def run_trials(config: Config) -> list[Mistake]:
    """Every expectation of the file's own `tests:` that its rules do not meet; none when all is well."""
    return run_all(config.rulebook, config.trials)

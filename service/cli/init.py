"""`ringback init` — asks what a gateway needs, and writes `.env` and `ringback.yaml`, as far as they are not there.

Beside `ringback.yaml` lies its schema, for editors.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from service.cli.dotenv import change_settings
from service.cli.schema import format_schema
from service.deployment import warn_of_short_keys
from service.gateways.presets import PRESETS, clean_gateway_url
from service.keys import find_keys, make_api_key, make_secret_key
from service.settings import Settings, SettingsError, load_settings, read_settings
from service.written.environment import FILE, Environment
from service.written.private_file import PRIVATE, write_whole
from service.written.urls import clean_url

CONFIG_FILE = "ringback.yaml"
_CONFIG_MODE = 0o644  # holds no secret
BACKUP = f"{FILE}.bak"
DOTENV_TEXT = """\
# Written by `ringback init`. It holds keys: show it to nobody.

# The gateway that tasks are submitted to.
# RINGBACK_GATEWAY=
# RINGBACK_GATEWAY_URL=
# RINGBACK_GATEWAY_KEY=

# How the gateway reaches this service. Without it, Ringback has to ask the gateway.
# RINGBACK_PUBLIC_URL=

# Who may call this service: keys separated by commas.
# RINGBACK_API_KEYS=

# These sign our hooks: oldest first, the last one signs. Add one at the end to rotate.
# RINGBACK_SECRET_KEYS=
"""

SCHEMA_FILE = "ringback.schema.json"
CONFIG_TEXT = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
# Ringback's rules and limits. `ringback rules check` says whether it can be used; a running service takes up changes.
# Editors that know the line above complete and explain what you write.

limits:
  max_depth: 4            # hops from a task that you submitted; at most 8

# Every click of a rule is paid for at your gateway, so none is live yet. To begin, put the first one in place of []:
#
#   rules:
#     - id: cats-u1       # when a grid with a cat succeeds, upscale its first picture
#       on: task.succeeded
#       match: {{action: IMAGINE, prompt: {{word: cat}}}}
#       do:
#         - click: U1
#
#     - id: wide-grid     # all four pictures of a wide grid that was submitted with the tag "auto"
#       on: task.succeeded
#       match: {{action: IMAGINE, params.ar: "16:9", tags: auto}}
#       do:
#         - click: [U1, U2, U3, U4]
rules: []
"""


class _Refused(click.ClickException):
    """Nothing was written."""

    exit_code = 2


@click.command("init")
@click.option("--gateway", type=click.Choice(list(PRESETS)), help="The gateway; asked for when left out.")
@click.option("--url", help="Its URL, where the gateway has no host of its own, or another one.")
@click.option("--key", help="Its API key; asked for, unseen, when left out.")
@click.option("--public-url", help='How the gateway reaches this service; "" to go without.')
@click.option("--force", is_flag=True, help="Change these settings in the .env that is there; all else in it stays.")
def command(gateway: str | None, url: str | None, key: str | None, public_url: str | None, force: bool) -> None:
    """Write .env and ringback.yaml for your gateway.

    What is there stays: a ringback.yaml always, a .env unless --force lets it be changed.
    """
    there = _read_dotenv()
    if there is None or force:
        changes = _ask(gateway, url, key, public_url, before={} if there is None else _read_values(there))
        text = change_settings(there or DOTENV_TEXT, changes if there else changes | _give_keys())
        settings = _read_back(text, new=there is None)
    elif (gateway, url, key, public_url) != (None, None, None, None):
        raise _Refused(f"{FILE} is there already; --force changes these settings in it, and nothing else")
    elif Path(CONFIG_FILE).exists():
        raise _Refused(f"{FILE} and {CONFIG_FILE} are there already; --force changes the gateway in {FILE}")
    else:
        text, settings = there, None
    _write(there, text)
    if settings is not None:
        _say_what_is_next(settings)


def _ask(
    gateway: str | None, url: str | None, key: str | None, public_url: str | None, *, before: Mapping[str, str]
) -> dict[str, str]:
    """Ask for what was not given; gives the settings to be changed. `before` is what the old file says."""
    asking = gateway is None or key is None  # a script that gave both is not asked for what can be left out
    gateway = gateway or click.prompt("Gateway", type=click.Choice(list(PRESETS)), err=True)
    if url is None and gateway == before.get("RINGBACK_GATEWAY"):
        url = before.get("RINGBACK_GATEWAY_URL")
    if url is None and PRESETS[gateway].url is None:
        url = click.prompt("Its URL (everything before /mj)", value_proc=_check(clean_gateway_url), err=True)
    key = key if key is not None else click.prompt("Its API key", hide_input=True, err=True)
    public_before = before.get("RINGBACK_PUBLIC_URL", "")
    if public_url is None and asking:
        click.echo("A public URL lets the gateway tell us what happens; without one we have to ask it.", err=True)
        public_url = click.prompt(
            "Public URL of this service" + ("" if public_before else " (empty for none)"),
            default=public_before, show_default=bool(public_before), err=True, value_proc=_check(clean_url),
        )  # fmt: skip
    return {
        "RINGBACK_GATEWAY": gateway,
        "RINGBACK_GATEWAY_URL": url or "",
        "RINGBACK_GATEWAY_KEY": key,
        "RINGBACK_PUBLIC_URL": public_before if public_url is None else public_url,
    }


def _check(clean: Callable[[str], str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            return clean(text) if text else ""
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    return check


def _read_dotenv() -> str | None:
    try:
        return Path(FILE).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _Refused(f"{FILE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _Refused(f"{FILE} is not UTF-8, and is left as it is") from None


def _read_values(dotenv: str) -> dict[str, str]:
    return Environment({}, dotenv.encode()).values


def _give_keys() -> dict[str, str]:
    """Our own keys for a new file: those that the service has made here, so that hooks on their way stay valid."""
    try:
        kept = find_keys(load_settings({}, Path()))
    except SettingsError as error:
        raise _Refused(str(error)) from None
    return {
        "RINGBACK_API_KEYS": ",".join(kept.api_keys) if kept else make_api_key(),
        "RINGBACK_SECRET_KEYS": ",".join(kept.secret_keys) if kept else make_secret_key(),
    }


def _read_back(text: str, *, new: bool) -> Settings:
    """What the service will make of it; refused here rather than at the first start."""
    try:
        return read_settings(Environment({}, text.encode()), Path())
    except SettingsError as error:
        # A file that is not there has no lines to point at.
        raise _Refused("\n".join(mistake.message if new else str(mistake) for mistake in error.mistakes)) from None


def _write(there: str | None, text: str) -> None:
    """Write what is missing and what has changed, and say of each file what became of it."""
    config, schema, dotenv = Path(CONFIG_FILE), Path(SCHEMA_FILE), Path(FILE)
    said: list[str] = []
    made: list[Path] = []
    try:
        new_config = not config.exists()
        try:
            if new_config:
                write_whole(config, CONFIG_TEXT, mode=_CONFIG_MODE)
                made += [config] if schema.exists() else [config, schema]
                write_whole(schema, format_schema(), mode=_CONFIG_MODE, replace=True)
            if there is not None and text != there:
                write_whole(Path(BACKUP), there, mode=PRIVATE, replace=True)
            if text != there:
                write_whole(dotenv, text, mode=PRIVATE, replace=there is not None)
        except OSError:
            for each in made:  # what was not there before does not stay
                each.unlink(missing_ok=True)
            raise
    except FileExistsError as error:
        raise _Refused(f"{Path(error.filename2).name} came to be just now; nothing was written over it") from None
    except OSError as error:
        raise _Refused(f"cannot write here: {error.strerror}") from None
    if there is None:
        said.append(f"Wrote {FILE} (it holds your keys).")
    elif text != there:
        said.append(f"Changed the gateway in {FILE}; all else in it stays, and {BACKUP} is the file as it was.")
    else:
        said.append(f"{FILE} stays as it is.")
    wrote = f"Wrote {CONFIG_FILE} (no rule is live yet), and {SCHEMA_FILE}, by which editors explain it."
    said.append(wrote if new_config else f"{CONFIG_FILE} stays as it is.")
    click.echo("\n".join(said))


def _say_what_is_next(settings: Settings) -> None:
    for warning in warn_of_short_keys((settings.require_gateway(),)):
        click.echo(warning, err=True)
    if settings.public_url is None:
        click.echo("Without a public URL the service runs hookless: it asks the gateway instead of being told.")
    click.echo("\nNext:\n  ringback serve")
    click.echo("and, in another window, a first picture (your gateway charges for it):")
    click.echo('  ringback submit "a red cat" --then U1')

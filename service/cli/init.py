"""`ringback init` — asks what a gateway needs, and writes `.env` and `ringback.yaml`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from service.gateways.presets import PRESETS, clean_gateway_url
from service.keys import make_api_key, make_secret_key
from service.settings import Settings, SettingsError, read_settings
from service.written.environment import FILE, Environment, read_environment
from service.written.private_file import PRIVATE, write_whole
from service.written.urls import clean_url

CONFIG_FILE = "ringback.yaml"
_CONFIG_MODE = 0o644  # holds no secret
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,~=-]+")  # values that mean themselves in a .env file

CONFIG_TEXT = """\
# Ringback's rules and limits. `ringback rules check ringback.yaml` says whether it can be used.

limits:
  max_depth: 4            # hops from a task that you submitted; at most 8

# Every click of a rule is paid for at your gateway, so none is live yet. To begin, put the first one in place of []:
#
#   rules:
#     - id: cats-u1       # when a grid with a cat succeeds, upscale its first picture
#       on: task.succeeded
#       match: {action: IMAGINE, prompt: {word: cat}}
#       do:
#         - click: U1
#
#     - id: wide-grid     # all four pictures of a wide grid that was submitted with the tag "auto"
#       on: task.succeeded
#       match: {action: IMAGINE, params.ar: "16:9", tags: auto}
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
@click.option("--force", is_flag=True, help="Write files that are there anew; your own API and secret keys stay.")
def command(gateway: str | None, url: str | None, key: str | None, public_url: str | None, force: bool) -> None:
    """Write .env and ringback.yaml for your gateway."""
    directory = Path()
    for name in () if force else (FILE, CONFIG_FILE):
        if (directory / name).exists():
            raise _Refused(f"{name} is there already; --force writes it anew")
    asking = gateway is None or key is None  # a script that gave both is not asked for what can be left out
    gateway = gateway or click.prompt("Gateway", type=click.Choice(list(PRESETS)), err=True)
    if url is None and PRESETS[gateway].url is None:
        url = click.prompt("Its URL (everything before /mj)", value_proc=_check(clean_gateway_url), err=True)
    key = key if key is not None else click.prompt("Its API key", hide_input=True, err=True)
    if public_url is None and asking:
        click.echo("A public URL lets the gateway tell us what happens; without one we have to ask it.", err=True)
        public_url = click.prompt(
            "Public URL of this service (empty for none)", default="", show_default=False, err=True,
            value_proc=_check(clean_url),
        )  # fmt: skip
    values = {
        "RINGBACK_GATEWAY": gateway,
        "RINGBACK_GATEWAY_URL": url or "",
        "RINGBACK_GATEWAY_KEY": key,
        "RINGBACK_PUBLIC_URL": public_url or "",
        **_keep_keys(directory),
    }
    text = _write_dotenv(values)
    settings = _read_back(text)
    _write_both(directory, text, force=force)
    _say_what_is_next(settings)


def _check(clean: Callable[[str], str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            return clean(text) if text else ""
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    return check


def _keep_keys(directory: Path) -> dict[str, str]:
    """Our own keys: those of the old file, so that hooks which are on their way stay valid, else new ones."""
    old = read_environment({}, directory).values
    return {
        "RINGBACK_API_KEYS": old.get("RINGBACK_API_KEYS") or make_api_key(),
        "RINGBACK_SECRET_KEYS": old.get("RINGBACK_SECRET_KEYS") or make_secret_key(),
    }


_NOTES = {
    "RINGBACK_GATEWAY": "The gateway that tasks are submitted to.",
    "RINGBACK_PUBLIC_URL": "How the gateway reaches this service. Without it, Ringback has to ask the gateway.",
    "RINGBACK_API_KEYS": "Who may call this service: keys separated by commas.",
    "RINGBACK_SECRET_KEYS": "These sign our hooks: oldest first, the last one signs. Add one at the end to rotate.",
}


def _write_dotenv(values: Mapping[str, str]) -> str:
    lines = ["# Written by `ringback init`. It holds keys: show it to nobody."]
    for name, value in values.items():
        if name in _NOTES:
            lines += ["", f"# {_NOTES[name]}"]
        if value:
            lines.append(f"{name}={_quote(value)}")
        elif name in _NOTES:
            lines.append(f"# {name}=")
    return "\n".join(lines) + "\n"


def _quote(value: str) -> str:
    """The value so that python-dotenv reads back the same."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _read_back(text: str) -> Settings:
    """What the service will make of it; refused here rather than at the first start."""
    try:
        return read_settings(Environment({}, text.encode()), Path())
    except SettingsError as error:
        raise _Refused("\n".join(mistake.message for mistake in error.mistakes)) from None


def _write_both(directory: Path, dotenv: str, *, force: bool) -> None:
    config = directory / CONFIG_FILE
    try:
        write_whole(config, CONFIG_TEXT, mode=_CONFIG_MODE, replace=force)
        try:
            write_whole(directory / FILE, dotenv, mode=PRIVATE, replace=force)
        except OSError:
            if not force:  # what was not there before does not stay
                config.unlink()
            raise
    except FileExistsError as error:
        raise _Refused(f"{Path(error.filename2).name} is there already; --force writes it anew") from None
    except OSError as error:
        raise _Refused(f"cannot write here: {error.strerror}") from None


def _say_what_is_next(settings: Settings) -> None:
    click.echo(f"Wrote {FILE} (it holds your keys) and {CONFIG_FILE} (no rule is live yet).")
    if settings.public_url is None:
        click.echo("Without a public URL the service runs hookless: it asks the gateway instead of being told.")
    click.echo("\nNext:\n  ringback serve")
    click.echo("and, in another window, a first picture (your gateway charges for it):")
    click.echo(
        f"  curl {settings.url}/v1/tasks -H 'Authorization: Bearer {settings.api_keys[0]}'"
        ' -H \'Content-Type: application/json\' -d \'{"prompt": "a red cat", "then": ["U1"]}\''
    )

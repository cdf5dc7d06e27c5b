"""`ringback doctor`: what is wrong with this deployment, and what to do about it."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from hooks.clients import fetch_client
from service.cli.doctor.deliveries import examine_deliveries
from service.cli.doctor.door import examine_door
from service.cli.doctor.finding import Finding, well
from service.cli.doctor.gateway import examine_gateway, examine_hooks
from service.cli.doctor.ground import examine_ground
from service.cli.doctor.mistakes import examine_mistakes, read_refusal
from service.cli.doctor.rules import examine_doings, examine_prices
from service.cli.doctor.service import examine_service, read_health
from service.cli.screen import make_console, plain, print_json
from service.config import Config
from service.deployment import gather_gateways, load_deployment
from service.keys import Keys, find_api_key, find_keys
from service.settings import Settings, SettingsError, collect_settings
from service.written.environment import read_environment
from service.written.mistakes import Mistake, MistakesFound


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line: check, ok, detail, remedy.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at settings, disk, ledger, service, gateways and public URL, and say what to do.

    It pays for nothing, writes nothing into the ledger, and works whether the service runs or not. The exit code is 1
    when something is to be done.
    """
    console = make_console()
    if not asyncio.run(_tell_all(console, as_json=as_json)):
        context.exit(1)


async def _tell_all(console: Console, *, as_json: bool) -> bool:
    """Tell each finding as soon as it is there; give whether all is well."""
    ok = True
    async for finding in examine():
        ok = ok and finding.ok
        if as_json:
            print_json(asdict(finding))
        else:
            _tell(console, finding)
    return ok


async def examine() -> AsyncIterator[Finding]:
    """Every finding about the deployment in this directory and environment."""
    mistakes: tuple[Mistake, ...] = ()
    try:
        settings, config = load_deployment(os.environ, Path.cwd())
        keys = find_keys(settings)
        rules = len(config.rulebook.rules)
        yield well("settings", f"The settings can be used; {settings.config.name} too, as far as it is there.")
        yield well("rules", f"{rules} {'rule' if rules == 1 else 'rules'}.")
    except MistakesFound as error:
        settings, config, keys, mistakes = *_read_what_can_be_used(), error.mistakes
    api_key = _find_api_key(settings)
    for finding in examine_mistakes(mistakes, read_refusal(settings.url, api_key), rules=str(settings.config)):
        yield finding
    for finding in examine_ground(settings.database):
        yield finding
    yield examine_service(settings.url)
    for finding in examine_doings(settings.database):
        yield finding
    for finding in examine_deliveries(settings.database, keys.secret_keys if keys else ()):
        yield finding
    gateways = gather_gateways(settings, config).gateways if settings.gateway or config.gateways else ()
    for finding in examine_prices(config, gateways):
        yield finding
    async with fetch_client() as http:
        health = await read_health(http, settings, api_key, gateways)
        for gateway in gateways:
            async for finding in examine_gateway(http, gateway, written=gateway != settings.gateway):
                yield finding
            yield examine_hooks(gateway, health[gateway.name])
        if not mistakes or (keys is not None and settings.public_url is not None):  # else: they were not understood
            yield await examine_door(http, settings.public_url, keys.secret_keys if keys else (), gateways)


def _read_what_can_be_used() -> tuple[Settings, Config, Keys | None]:
    settings, _ = collect_settings(read_environment(os.environ, Path.cwd()), Path.cwd())
    try:
        keys = find_keys(settings)
    except (SettingsError, OSError, ValueError):  # told of with the mistakes
        keys = None
    return settings, Config(), keys


def _find_api_key(settings: Settings) -> str | None:
    try:
        return find_api_key(settings)
    except (SettingsError, OSError, ValueError):  # beside "/", or too long a name, no file can be
        return None  # told of with the database, or once the other mistakes are mended


def _tell(console: Console, finding: Finding) -> None:
    mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
    line = Text.assemble((mark, style), f" {finding.check:<10} {plain(finding.detail)}")
    if finding.remedy:
        line.append(f"\n{'':13}→ {plain(finding.remedy)}", "yellow")
    console.print(line, soft_wrap=True)

"""`ringback simulate`: a Midjourney gateway with its vices, to try things against."""

import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import click
import uvicorn

from service.simulator.app import create_simulator
from service.simulator.dialects import DIALECTS
from service.simulator.options import SimulatorOptions
from service.simulator.vices import VICES, UnknownVice, read_vice

SHUTDOWN_PATIENCE = 1  # seconds for submissions that are still unanswered

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
_FORMS = {"chance": "0…1", "seconds": "SECONDS", "offset": "±SECONDS", "switch": "on|off", "count": "N|all"}

_LAGGING = {name: dialect.rows.lag for name, dialect in DIALECTS.items() if dialect.rows.lag}  # seconds


def vice_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each vice; without a value it always strikes."""
    for vice in reversed(list(VICES.values())):
        # An empty text is how an option without a value arrives.
        optional: dict[str, Any] = {} if vice.kind in ("seconds", "offset") else {"is_flag": False, "flag_value": ""}
        name = "--" + vice.name.replace("_", "-")
        option: Decorator = click.option(
            name, vice.name, metavar=_FORMS[vice.kind], help=_sentence(vice.about), **optional
        )
        command = option(command)
    return command


def _sentence(about: str) -> str:
    return f"{about[0].upper()}{about[1:]}."


@click.command("simulate")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option(
    "--dialect",
    default="midjourney-proxy",
    show_default=True,
    type=click.Choice(list(DIALECTS)),
    help=f"Which gateway to play. {', '.join(_LAGGING)} are slow to know their own successes: they refuse clicks for"
    f" {max(_LAGGING.values()):g} s after one, and Ringback tries again; --lag 0 makes them quick.",
)
@click.option("--key", help="The API key that clients must show. Without it any key will do.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same mischief.")
@click.option(
    "--grid-seconds", default=3.0, show_default=True, type=click.FloatRange(min=0), help="A grid takes so long."
)
@click.option(
    "--upscale-seconds",
    default=0.5,
    show_default=True,
    type=click.FloatRange(min=0),
    help="A single picture takes so long.",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="10 makes all tasks ten times as quick.",
)
@click.option("--slots", type=click.IntRange(min=1), help="Tasks at work at once; any number without it.")
@click.option(
    "--queue",
    "queue_size",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="Tasks that may wait for a slot.",
)
@click.option("--vice", "more", multiple=True, metavar="NAME=VALUE", help="The same as --NAME VALUE.")
@vice_options
def command(*, host: str, port: int, more: tuple[str, ...], **given: Any) -> None:
    """Play a Midjourney gateway, with the vices that are switched on.

    GET /simulator/books tells what happened, for audits.
    """
    texts = [*more]
    for name in VICES:
        value = given.pop(name)
        if value is not None:
            texts.append(f"{name}={value}" if value else name)
    try:
        options = SimulatorOptions(vices=dict(map(read_vice, texts)), **given)
        app = create_simulator(options)
    except UnknownVice as mistake:
        raise click.UsageError(str(mistake)) from None
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from None
    _serve(app, listener, announcement=_announcement(host, listener.getsockname()[1], options))


def _announcement(host: str, port: int, options: SimulatorOptions) -> str:
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    vices = ", ".join(f"{name}={number:g}" for name, number in options.vices.items()) or "none"
    line = f"simulated {options.dialect} listens on {url}; vices: {vices}; audit: {url}/simulator/books"
    if (lag := options.vices.get("lag", DIALECTS[options.dialect].rows.lag)) > 0:
        line += f"\nIts own rows are {lag:g} s older than its callbacks: it refuses clicks for so long after a success;"
        line += " --lag 0 makes it quick"
    return line


def _serve(app: Any, listener: socket.socket, *, announcement: str) -> None:
    # uvicorn handles both signals while it runs and raises them again when it has shut down; leaving is a
    # success either way, and also before it has begun.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    click.echo(announcement, err=True)
    sys.stderr.flush()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        date_header=False,  # the gateway dates its answers itself
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_PATIENCE,
    )
    uvicorn.Server(config).run(sockets=[listener])

"""`ringback serve`: the service as a process."""

import asyncio
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

import click
import uvicorn

from service.app import Service, open_ledger
from service.deployment import gather_gateways, load_deployment, warn_of_short_keys
from service.keys import Keys, load_keys
from service.logs import configure_logs
from service.settings import Settings
from service.web.connection import Connection
from service.written.mistakes import MistakesFound
from storage.errors import LedgerError

DRAIN = 3  # seconds that requests under way may take once a stop was asked for
BACKLOG = 2048  # connections that may wait to be accepted


@click.command("serve")
@click.option("--host", help="Address to listen on; HOST otherwise, 127.0.0.1 by default.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; PORT otherwise, 8000 by default; 0 takes a free one."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Let every rule decide and none act: what each would do is kept. A task's own `then` still clicks.",
)
def command(host: str | None, port: int | None, dry_run: bool) -> None:
    """Start the service.

    It needs a gateway: RINGBACK_GATEWAY and RINGBACK_GATEWAY_KEY, and RINGBACK_GATEWAY_URL where the gateway has no
    host of its own (`ringback init` asks for them); or `gateways:` in ringback.yaml. With RINGBACK_PUBLIC_URL gateways
    call back; without it they are asked. docs/operate.md lists every setting.

    Changed rules and limits in ringback.yaml are taken up within seconds, and at once on SIGHUP, which also reads .env
    again for what the rules take from it. A file with mistakes, or whose tests fail, is told of and changes nothing.
    """
    environ = dict(os.environ) | ({"HOST": host} if host else {}) | ({} if port is None else {"PORT": str(port)})
    load = partial(load_deployment, environ, Path.cwd(), dry_run=dry_run)
    try:
        settings, config = load()
        roster = gather_gateways(settings, config)
        store = open_ledger(settings, config)  # before the port: who holds the ledger is the better news
        listener = listen(settings.host, settings.port)
        keys = load_keys(settings)  # last of all that can fail: made keys are shown once
        announce_keys(keys)
        click.echo("".join(f"{warning}\n" for warning in warn_of_short_keys(roster.gateways)), err=True, nl=False)
        gateway_keys = (gateway.key for gateway in roster.gateways)
        configure_logs(settings.log, secrets=(*gateway_keys, *keys.api_keys, *keys.secret_keys))
        service = Service(settings, config, keys, store, load=load)
    except (MistakesFound, LedgerError, CannotListen) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    announce(settings, listener, len(config.rulebook.rules), dry_run=dry_run)
    run(service, listener)


class CannotListen(Exception):
    """The address is taken, or is none of this machine's."""


def listen(host: str, port: int) -> socket.socket:
    """Bind the address; port 0 takes a free one. Raises CannotListen."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, TypeError) as error:  # a name that is no host's in any alphabet is a TypeError
        listener.close()
        reason = getattr(error, "strerror", None) or "there is no such host"
        raise CannotListen(f"Cannot listen on {host}:{port}: {reason}. Set HOST and PORT.") from error
    return listener


def announce(settings: Settings, listener: socket.socket, rules: int, *, dry_run: bool = False) -> None:
    """Tell the operator where it is, and how gateways reach it."""
    host, port = listener.getsockname()[:2]
    lines = [f"Ringback listens on http://{host}:{port}, ledger {settings.database}, {rules} rule(s)."]
    if dry_run:
        lines.append("It is a dry run: rules decide, and none acts. A task's own `then` does.")
    if settings.public_url is None:
        lines.append(
            "No RINGBACK_PUBLIC_URL: gateways cannot call back. It works hookless, by asking them every few seconds."
        )
    else:
        lines.append(f"Gateways call back at {settings.public_url}/hooks/…")
    click.echo("\n".join(lines), err=True)


def announce_keys(keys: Keys) -> None:
    """Tell the operator, once, which keys were made, and whether others may read them."""
    if "RINGBACK_API_KEYS" in keys.made:
        click.echo(f"An API key was made, shown here once and kept in {keys.path}: {keys.api_keys[0]}", err=True)
    if "RINGBACK_SECRET_KEYS" in keys.made:
        kept = f"A secret key was made and is kept in {keys.path}; keep that file, hooks are signed with it."
        click.echo(kept, err=True)
    for warning in keys.warnings:
        click.echo(warning, err=True)


class Server(uvicorn.Server):
    """uvicorn, but a stop first says goodbye to streams, which otherwise keep it from finishing."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes."""
        self._loop = asyncio.get_running_loop()
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGHUP, self._service.reload)
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal handler of uvicorn."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._service.goodbye.say, signal.Signals(sig).name)
        super().handle_exit(sig, frame)


def configure(service: Service) -> uvicorn.Config:
    """Give what uvicorn should know of a service."""
    return uvicorn.Config(
        service.asgi,
        http=Connection,
        ws="none",  # events go out as a stream that any HTTP client reads
        log_config=None,
        access_log=False,  # our own lines name the task; an access log would show every hook
        lifespan="on",
        timeout_graceful_shutdown=DRAIN,
        server_header=False,
        proxy_headers=False,  # nobody is believed, or written down, by address
    )


def run(service: Service, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then leave cleanly."""
    server = Server(configure(service), service)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has finished
        server.run(sockets=[listener])
    if not server.started:
        sys.exit(3)

"""`ringback demo`: the main job, against a hostile gateway, in ten seconds, with real processes and real HTTP."""

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from service.cli.demo.books import Balance, draw_balance, strike_balance, summarise
from service.cli.demo.cast import CHANCE, RULE, Cast
from service.cli.demo.faults import find_faults
from service.cli.demo.play import Play, Record
from service.cli.demo.processes import open_stage
from service.cli.demo.subscriber import open_subscriber
from service.cli.demo.views import make_view
from service.cli.failures import Failed, Misused
from service.cli.screen import draw_chain, make_console, print_json

LEDGER: Final = "ringback.db"
SEED: Final = 7
STAY: Final = 0.5  # seconds between two looks at who is still there


@click.command("demo")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the tasks as JSON, one per line, then a summary; its ledger is gone without --keep.",
)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the ledger in this folder.")
@click.option("--stay", is_flag=True, help="Keep everything up to play with, until Ctrl-C.")
@click.option("--seed", default=SEED, show_default=True, help="The same seed, the same mischief.")
def command(as_json: bool, keep: Path | None, stay: bool, seed: int) -> None:
    """Watch the main job: prompts go out, a hostile gateway calls back, the server is killed, and all comes right.

    A real server and a simulated gateway run beside each other on free ports, and leave nothing behind; with --keep,
    the ledger. The exit status is 0 when every grid has exactly one U1, nothing was spent twice, the ledger had
    every callback that it acknowledged, and a subscriber was told of every event, in order.
    """
    kept = None if keep is None else _prepare(keep.resolve())
    console = make_console(stderr=as_json)
    with open_stage() as (folder, processes), open_subscriber() as subscriber:
        ledger = kept or folder / LEDGER
        cast = Cast(processes, folder, ledger, seed=seed)
        _introduce(console)
        with make_view(console) as view:
            cast.enter()
            record = Play(cast, view, subscriber).perform()
        balance = strike_balance(record)
        faults = find_faults(record, balance)
        _conclude(console, record, balance)
        if not stay:
            cast.stop_server()  # now the ledger is one whole file
        if as_json:
            for task in (task for chain in record.chains for task in chain):
                print_json(task)
            print_json(summarise(balance, ledger))
        if faults:
            raise Failed("Not as promised:\n" + "\n".join(f"  {fault}" for fault in faults))
        _say_what_is_next(console, kept)
        if stay:
            _invite(console, cast)
            while True:
                cast.check()
                time.sleep(STAY)


def name_program() -> str:
    """How to call this program from here: by its name, or, where its environment is not activated, by its path."""
    own = Path(sys.executable).with_name("ringback")
    if shutil.which("ringback") or not own.exists():
        return "ringback"
    return shlex.quote(str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own))


def _prepare(folder: Path) -> Path:
    """Make the folder; give where its ledger will be. A ledger that is there already is not touched."""
    ledger = folder / LEDGER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if ledger.exists():
            raise Misused(f"{folder} holds a ledger already ({LEDGER}): name another folder, or move it away.")
    except OSError as error:
        raise Misused(f"{folder} cannot be used: {error.strerror}.") from None
    return ledger


def _introduce(console: Console) -> None:
    percent = f"{CHANCE:.0%}".replace("%", " %")
    console.print(
        Text.assemble(
            ("Ringback demo", "bold"),
            f"\nThe gateway drops {percent} of its callbacks, sends {percent} twice and {percent} out of order, and"
            " answers a submission only after it has called back.\nOne rule, ",
            (RULE, "bold"),
            ": when a grid succeeds, click U1.\n",
        )
    )


def _conclude(console: Console, record: Record, balance: Balance) -> None:
    happened = Tree(Text("What happened", "bold"), guide_style="dim")
    for chain in record.chains:
        happened.children.append(draw_chain(chain, pictures=False))
    console.print()
    console.print(happened)
    console.print()
    console.print(Text("The books", "bold"))
    console.print(draw_balance(balance))
    console.print()


def _say_what_is_next(console: Console, kept: Path | None) -> None:
    if kept is not None:
        console.print(f"The ledger is kept: {kept}\n", soft_wrap=True)
    console.print(
        Text.assemble(
            ("Every grid has one U1, nothing was paid twice, nothing was lost, and all of it was told.", "bold green"),
            "\nNow with a gateway of your own: ",
            (f"{name_program()} init", "bold"),
            ", then ",
            (f"{name_program()} serve", "bold"),
            ".",
        )
    )


def _invite(console: Console, cast: Cast) -> None:
    console.print(
        Text.assemble(
            ("\nStill up, until Ctrl-C.", "bold"),
            f"\n  service  {cast.url}\n  API key  {cast.key}\n  gateway  {cast.gateway_url}/simulator/books\n\n"
            f"  curl {cast.url}/v1/tasks -H 'Authorization: Bearer {cast.key}' \\\n"
            "    -H 'Content-Type: application/json' -d '{\"prompt\": \"a red cat\"}'\n"
            f"  RINGBACK_URL={cast.url} RINGBACK_API_KEY={cast.key} {name_program()} submit a red cat",
        ),
        soft_wrap=True,
    )

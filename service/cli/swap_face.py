"""`ringback swap-face`: the face of one picture in another."""

from typing import Any

import click

from service.cli.orders import order_options, place_order
from service.cli.pictures import PICTURE


@click.command("swap-face")
@click.argument("source", type=PICTURE)
@click.argument("target", type=PICTURE)
@order_options
@click.pass_context
def command(context: click.Context, /, source: str, target: str, **given: Any) -> None:
    """Put the face of SOURCE into TARGET; files or addresses."""
    place_order(context, given, action="SWAP_FACE", images=[source, target])

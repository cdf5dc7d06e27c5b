"""`ringback blend`: two to five pictures, made into one."""

from typing import Any

import click

from service.cli.orders import bot_option, order_options, place_order
from service.cli.pictures import PICTURE


@click.command("blend")
@click.argument("images", nargs=-1, required=True, type=PICTURE)
@click.option(
    "--shape", type=click.Choice(["portrait", "square", "landscape"]), help="2:3, 1:1 or 3:2; square by default."
)
@bot_option
@order_options
@click.pass_context
def command(
    context: click.Context, /, images: tuple[str, ...], shape: str | None, bot: str | None, **given: Any
) -> None:
    """Blend two to five IMAGES, files or addresses, into one."""
    place_order(context, given, action="BLEND", images=images, bot=bot, dimensions=shape and shape.upper())

"""`ringback describe`: prompts for a picture."""

from typing import Any

import click

from service.cli.orders import bot_option, order_options, place_order, print_text
from service.cli.pictures import PICTURE


@click.command("describe")
@click.argument("image", type=PICTURE)
@click.option("--language", help="Such as zh, where the gateway can translate.")
@bot_option
@order_options
@click.pass_context
def command(context: click.Context, /, image: str, language: str | None, bot: str | None, **given: Any) -> None:
    """Print prompts that could have made IMAGE, a file or an address."""
    place_order(context, given, action="DESCRIBE", images=[image], bot=bot, tell=print_text, language=language)

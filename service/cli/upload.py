"""`ringback upload`: pictures, to Discord."""

from typing import Any

import click

from service.cli.orders import order_options, place_order, print_urls
from service.cli.pictures import PICTURE


@click.command("upload")
@click.argument("images", nargs=-1, required=True, type=PICTURE)
@order_options
@click.pass_context
def command(context: click.Context, /, images: tuple[str, ...], **given: Any) -> None:
    """Upload IMAGES, up to ten, and print their addresses, which prompts can name."""
    place_order(context, given, action="UPLOAD", images=images, tell=print_urls)

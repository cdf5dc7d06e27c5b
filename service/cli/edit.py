"""`ringback edit`: a picture, changed by a prompt."""

from typing import Any

import click

from service.cli.orders import order_options, place_order, prompt_argument
from service.cli.pictures import PICTURE
from service.cli.prompts import PromptCommand


@click.command("edit", cls=PromptCommand)
@click.argument("image", type=PICTURE)
@prompt_argument
@click.option("--retexture", is_flag=True, help="Keep the shapes, and change what they are made of.")
@order_options
@click.pass_context
def command(context: click.Context, /, image: str, prompt: tuple[str, ...], retexture: bool, **given: Any) -> None:
    """Change IMAGE, a file or an address, as PROMPT says."""
    place_order(context, given, action="RETEXTURE" if retexture else "EDIT", prompt=prompt, images=[image])

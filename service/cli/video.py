"""`ringback video`: a picture that moves."""

from typing import Any

import click

from service.cli.orders import order_options, place_order, prompt_argument
from service.cli.pictures import PICTURE
from service.cli.prompts import PromptCommand


@click.command("video", cls=PromptCommand)
@prompt_argument
@click.option("--image", "images", multiple=True, type=PICTURE, help="How it begins; a second one, how it ends.")
@click.option("--motion", type=click.Choice(["low", "high"]), help="How much moves.")
@click.option("--loop", is_flag=True, default=None, help="It ends as it begins.")
@click.option("--count", "batch_size", type=click.Choice([1, 2, 4]), help="How many at once.")
@click.option("--extend", metavar="TASK", help="Let a video of this task go on.")
@click.option("--index", type=click.IntRange(0, 3), help="Which of its videos, from 0; the first by default.")
@order_options
@click.pass_context
def command(
    context: click.Context,
    /,
    prompt: tuple[str, ...],
    images: tuple[str, ...],
    extend: str | None,
    index: int | None,
    motion: str | None,
    loop: bool | None,
    batch_size: int | None,
    **given: Any,
) -> None:
    """Make a video as PROMPT says, of a picture or of a video."""
    place_order(
        context,
        given,
        action="VIDEO",
        prompt=prompt,
        images=images,
        motion=motion,
        loop=loop,
        batch_size=batch_size,
        extend=extend,
        index=0 if extend and index is None else index,
    )

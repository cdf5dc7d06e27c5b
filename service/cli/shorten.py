"""`ringback shorten`: a prompt in fewer words."""

from typing import Any

import click

from service.cli.orders import bot_option, order_options, place_order, print_text, prompt_argument
from service.cli.prompts import PromptCommand


@click.command("shorten", cls=PromptCommand)
@prompt_argument
@bot_option
@order_options
@click.pass_context
def command(context: click.Context, /, prompt: tuple[str, ...], bot: str | None, **given: Any) -> None:
    """Print shorter versions of PROMPT."""
    place_order(context, given, action="SHORTEN", prompt=prompt, bot=bot, tell=print_text)

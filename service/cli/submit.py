"""`ringback submit`: a prompt, and what comes of it; or a file of prompts."""

from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from service.cli.batch import report, submit_rows
from service.cli.client import connect
from service.cli.failures import Failed, Misused
from service.cli.orders import bot_option, make_order, order_options, place_order
from service.cli.pictures import PICTURE
from service.cli.prompts import PromptCommand
from service.cli.rows import DEFAULT_TEMPLATE, BadRows, read_rows

NOT_OF_FILES: Final = ("state", "wait", "timeout")  # what a file of prompts has no use for


@click.command("submit", cls=PromptCommand)
@click.argument("prompt", nargs=-1, type=click.UNPROCESSED)
@click.option("--image", "images", multiple=True, type=PICTURE, help="To go by; may be repeated.")
@bot_option
@click.option("-f", "--file", type=click.Path(path_type=Path), metavar="CSV", help="Submit every row of this file.")
@click.option("--template", metavar="TEXT", help=f"The prompt of a row; {DEFAULT_TEMPLATE} by default.")
@order_options
@click.pass_context
def command(
    context: click.Context,
    /,
    prompt: tuple[str, ...],
    images: tuple[str, ...],
    bot: str | None,
    file: Path | None,
    template: str | None,
    **given: Any,
) -> None:
    """Submit PROMPT, and wait for its picture and for what --then clicks.

    The words of the prompt are joined; its parameters may follow it: ringback submit a red fox --ar 16:9 --then U1.
    The exit status is 0 when all of it succeeded.

    With -f a CSV file takes the place of the prompt: ringback submit -f prompts.csv --template '{title} --ar {ar}'.
    Its first line names the columns. Rows that were submitted before are left alone: it can be run again at any time.
    """
    if file is None:
        if template is not None:
            raise Misused("--template goes with -f.")
        if not prompt:
            raise click.UsageError("Missing argument 'PROMPT...'.")
        place_order(context, given, action="IMAGINE", prompt=prompt, images=images, bot=bot)
        return
    if prompt:
        raise Misused("Either a prompt or -f; not both.")
    for name in NOT_OF_FILES:
        typed = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if typed and given[name] is not False:  # --no-wait says what -f does anyhow
            raise Misused(f"--{name} does not go with -f, which submits and does not wait.")
    try:
        rows = read_rows(file.read_bytes(), template or DEFAULT_TEMPLATE)
    except OSError as error:
        raise Misused(f"{file} cannot be read: {error.strerror}.") from None
    except BadRows as bad:
        raise Failed("\n".join(f"{file}: {mistake}" for mistake in bad.mistakes)) from None
    order = make_order(given, "IMAGINE", (), images, bot, {})
    context.exit(0 if report(submit_rows(connect(context), rows, order), as_json=given["as_json"]) else 1)

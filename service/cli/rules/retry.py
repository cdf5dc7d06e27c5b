"""`ringback rules retry`: what was given up, once more."""

import click

from service.cli.client import connect
from service.cli.screen import plain, print_json


@click.command("retry")
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def retry(context: click.Context, rule: str | None, as_json: bool) -> None:
    """Try again the notifications and downloads that were given up: those of RULE, or all.

    They are tried at once, and as often as new ones.
    """
    done = connect(context).post("/v1/effects/retry", {"rule": rule})
    if as_json:
        print_json(done)
        return
    whose = "" if rule is None else f" of {plain(rule)}"
    match done["retried"]:
        case 0:
            click.echo(f"No notification or download{whose} was given up.", err=True)
        case 1:
            click.echo(f"1 notification or download{whose} is tried again.")
        case many:
            click.echo(f"{many} notifications and downloads{whose} are tried again.")

"""`ringback rules backtest` and `apply`: what rules would have done, and what one is to do after all."""

from pathlib import Path

import click
from rich.table import Table

from service.cli.client import Api, connect
from service.cli.failures import Misused
from service.cli.rules.steer import rule_path
from service.cli.screen import plain, print_json, print_table
from service.cli.spans import Since
from storage.records import JSON

since_option = click.option("--since", type=Since(), required=True, help="From then on, such as 7d or 2026-11-01.")
until_option = click.option("--until", type=Since(), help="Until then; until now when left out.")


@click.command("backtest")
@since_option
@until_option
@click.option("--file", type=click.Path(path_type=Path), help="The rules of this file, not those in force.")
@click.option("--diff", is_flag=True, help="Name the firings that would appear, and the real ones that would not.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def backtest(
    context: click.Context, since: str, until: str | None, file: Path | None, diff: bool, as_json: bool
) -> None:
    """Say what rules would have done since a time. Nothing is done.

    First-order only: nothing follows from what they would have opened.
    """
    body = {"since": since, "until": until, "diff": diff, "rules": None if file is None else _read(file)}
    found = connect(context).post("/v1/rules/backtest", body)
    if as_json:
        print_json(found)
        return
    if found["rules"]:
        print_table(_draw(found["rules"]))
    click.echo(f"{found['events']} events from {found['since']} to {found['until']}; first-order firings only.")
    gone, new = _count(found["disappear"], "real firing"), _count(found["appear"], "new one")
    click.echo(f"{gone} would disappear, {new} would appear.")
    for word in ("disappearing", "appearing"):
        for each in found[word]:
            click.echo(f"{word[:-3]}s  {plain(each['rule'])}  {each['task_id']}")


@click.command("apply")
@click.argument("rule")
@since_option
@until_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def apply(context: click.Context, rule: str, since: str, until: str | None, yes: bool, as_json: bool) -> None:
    """Let RULE decide about the past, once it has said how many tasks it means, and you have agreed.

    What it has done or waits for stays; what was blocked, such as a dry run, is decided about anew. Its guards hold.
    """
    api = connect(context)
    meant = _apply(api, rule, since, until, dry_run=True)
    if not meant["meant"]:
        if as_json:
            print_json(meant)
        else:
            click.echo(f"{plain(rule)} means no task of that time that it has not acted on.", err=True)
        return
    if not yes:
        click.echo(f"{plain(rule)} means {_count(meant['meant'], 'task')} that it has not acted on:", err=True)
        more = ", …" if meant["meant"] > len(meant["tasks"]) else ""
        click.echo(f"{', '.join(meant['tasks'])}{more}", err=True)
        click.confirm("Let it decide about them now? What it opens is paid for.", abort=True, err=True)
    applied = _apply(api, rule, since, until, dry_run=False)
    if as_json:
        print_json(applied)
        return
    blocked = ", ".join(f"{count} blocked ({reason})" for reason, count in applied["blocked"].items())
    click.echo(f"{applied['fired']} fired, {applied['deferred']} wait" + (f", {blocked}" if blocked else "") + ".")


def _apply(api: Api, rule: str, since: str, until: str | None, *, dry_run: bool) -> JSON:
    return api.post(rule_path(rule, "apply"), {"since": since, "until": until, "dry_run": dry_run})


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Misused(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misused(f"{file} is not UTF-8.") from None


def _draw(rules: list[JSON]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("RULE")
    for name in ("FIRED", "PAID FOR", "LATER"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("WAITING")
    table.add_column("BLOCKED")
    for rule in rules:
        table.add_row(
            plain(rule["rule"]), str(rule["fired"]), str(rule["follow_ups"]), str(rule["waited"]),
            _tell_counts(rule["deferred"]), _tell_counts(rule["blocked"]),
        )  # fmt: skip
    return table


def _tell_counts(counts: JSON) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

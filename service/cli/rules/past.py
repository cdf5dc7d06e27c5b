"""`ringback rules backtest` and `apply`: what rules would have done, and what one is to do after all."""

from pathlib import Path
from typing import Final

import click
from rich.table import Table

from service.cli.client import Api, connect
from service.cli.failures import Misused, Refused
from service.cli.rules.steer import rule_path
from service.cli.screen import plain, print_json, print_table
from service.cli.spans import Since
from service.rules.wording import count
from storage.records import JSON

NAMED: Final = 5  # tasks that are told with their prompts
LONGEST_PROMPT: Final = 80  # characters of one
SENT_AS: Final = "rules:"  # what a file is called in the service's answer
NOUNS: Final = {  # what an action of a rule is called when it is counted
    "submit": "submission",
    "resubmit": "resubmission",
    "notify": "notification",
}
PAID: Final = {"click", "submit", "resubmit"}

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
    try:
        found = connect(context).post("/v1/rules/backtest", body)
    except Refused as error:
        raise _name_file(error, file) from None
    if as_json:
        print_json(found)
        return
    if found["rules"]:
        print_table(_draw(found["rules"]))
    click.echo(f"{found['events']} events from {found['since']} to {found['until']}; first-order firings only.")
    gone, new = count(found["disappear"], "real firing"), count(found["appear"], "new one")
    wait = f" {found['wait']} would still wait at the end, and do not." if found["wait"] else ""
    click.echo(f"{gone} would disappear, {new} would appear.{wait}")
    for word, told in (("disappearing", "disappears"), ("appearing", "appears"), ("waiting", "waits")):
        for each in found[word]:
            click.echo(f"{told}  {plain(each['rule'])}  {each['task_id']}")


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
        _tell_forecast(api, rule, meant)
        click.confirm("Let it decide about them now?", abort=True, err=True)
    applied = _apply(api, rule, since, until, dry_run=False)
    if as_json:
        print_json(applied)
        return
    blocked = ", ".join(f"{number} blocked ({reason})" for reason, number in applied["blocked"].items())
    click.echo(f"{applied['fired']} fired, {applied['deferred']} wait" + (f", {blocked}" if blocked else "") + ".")


def _tell_forecast(api: Api, rule: str, meant: JSON) -> None:
    """Say which tasks it means and what that would come to."""
    forecast = meant["forecast"]
    told = f"{plain(rule)} means {count(meant['meant'], 'task')} that it has not acted on"
    does = [count(number, NOUNS.get(name, name)) for name, number in forecast["actions"].items()]
    if forecast["actions"].keys() & PAID:
        cost = f"{forecast['cost']:g} at today's prices" if forecast["cost"] or not forecast["unpriced"] else ""
        unpriced = f"{forecast['unpriced']} without a known price" if forecast["unpriced"] else ""
        does += [each for each in (cost, unpriced) if each]
        does[-1] += "; what they open can fire rules again"
    click.echo(f"{told}: {', '.join(does) or 'nothing would be done'}.", err=True)
    held = [f"{forecast['deferred']} would wait first"] if forecast["deferred"] else []
    held += [f"{number} would be blocked ({reason})" for reason, number in forecast["blocked"].items()]
    if held:
        click.echo(f"Of the tasks {', '.join(held)}.", err=True)
    for task_id in meant["tasks"][:NAMED]:
        click.echo(f"  {task_id}  {plain(api.read_task(task_id)['prompt'])[:LONGEST_PROMPT]}".rstrip(), err=True)
    if meant["meant"] > NAMED:
        click.echo(f"  and {meant['meant'] - NAMED} more", err=True)


def _name_file(error: Refused, file: Path | None) -> Refused:
    """The mistakes of a file under its own name, one on a line."""
    if file is None or not any(each.startswith(SENT_AS) for each in error.errors):
        return error
    lines = [f"{file}:{each.removeprefix(SENT_AS)}" if each.startswith(SENT_AS) else each for each in error.errors]
    return Refused("\n".join(lines), error.status)


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
    table.add_column("RULE", overflow="fold")
    priced = any(rule["cost"] or rule["follow_ups"] > rule["unpriced"] for rule in rules)
    for name in ("FIRED", "PAID FOR", *(["COST"] if priced else []), "LATER"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("WAITING")
    table.add_column("BLOCKED")
    for rule in rules:
        table.add_row(
            plain(rule["rule"]), str(rule["fired"]), str(rule["follow_ups"]),
            *([_tell_cost(rule)] if priced else []), str(rule["waited"]),
            _tell_counts(rule["deferred"]), _tell_counts(rule["blocked"]),
        )  # fmt: skip
    return table


def _tell_cost(rule: JSON) -> str:
    return f"{rule['cost']:g}" + (f" and {rule['unpriced']} unpriced" if rule["unpriced"] else "")


def _tell_counts(counts: JSON) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counts.items())

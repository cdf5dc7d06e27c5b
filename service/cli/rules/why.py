"""`ringback rules why`: every clause, every guard, and what was decided."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import click
import msgspec
from rich.table import Table
from rich.text import Text

from service.cli.client import Api, connect, task_path
from service.cli.failures import Misused, Refused
from service.cli.rules.firings import tell_actions
from service.cli.rules.steer import rule_path
from service.cli.screen import make_console, plain, print_json, print_table
from service.rules.rulebook import THEN
from storage.records import JSON

VALUE_AT_MOST: Final = 60  # characters of a value on a line
GUARDS_NOW: Final = "The guards are as they are now:"
_DONE: Final = ("fired", "deferred")  # outcomes by which a rule did, or still does, what it is for


@click.command("why")
@click.argument("rule")
@click.argument("task", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print each explanation as JSON, one per line.")
@click.pass_context
def why(context: click.Context, rule: str, task: str | None, as_json: bool) -> None:
    """Say why RULE acted on TASK, or did not, clause by clause; with a TASK alone, for all rules, nearest miss first.

    The exit status is 0 when a rule has fired, or waits, and 1 when none has.
    """
    api = connect(context)
    explanations = _ask(api, rule, task)
    if as_json:
        for each in explanations:
            print_json(each)
    else:
        for place, each in enumerate(explanations):
            if place:
                click.echo()
            _print(each)
        if not explanations:
            click.echo("No rule is in force, and the task has no list of its own.", err=True)
    fired = any(each["firing"] is not None and each["firing"]["outcome"] in _DONE for each in explanations)
    context.exit(0 if fired else 1)


def _ask(api: Api, rule: str, task: str | None) -> list[JSON]:
    if task is not None:
        return [api.get(rule_path(rule, "why"), task=task)]
    try:  # the only word is the task
        return list(api.get(task_path(rule, "why"))["explanations"])
    except Refused as error:
        if error.status == HTTPStatus.NOT_FOUND and _is_rule(api, rule):
            raise Misused(f"Name the task as well: ringback rules why {plain(rule)} TASK") from None
        raise


def _is_rule(api: Api, word: str) -> bool:
    return word == THEN or any(rule["id"] == word for rule in api.get("/v1/rules")["rules"])


def _print(explanation: JSON) -> None:
    console = make_console()
    console.print(Text.assemble((plain(explanation["rule"]), "bold"), "  ", _tell_verdict(explanation)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    file, occasion = explanation["file"], explanation["on"]
    table.add_row(
        _place(file, occasion["line"]), f"on  is {occasion['expected']}",
        f"found {', '.join(occasion['found']) or 'no event'}", _tick(ok=occasion["ok"]),
    )  # fmt: skip
    for cells in _tell_clauses(file, explanation["clauses"]):
        table.add_row(*cells)
    if explanation["guards"] and explanation["firing"] is not None:
        # What the firing opened counts by now: a guard may say no to what it let pass then.
        table.add_row("", GUARDS_NOW, "", "")
    for check in explanation["guards"]:
        until = f" (until {check['next_at']})" if check["next_at"] else ""
        table.add_row("guard", check["guard"], Text(plain(check["detail"]) + until), _tick(ok=check["ok"]))
    print_table(table)
    console.print(Text(_tell_sight(occasion), "dim"), soft_wrap=True)
    for line in _tell_end(explanation):
        console.print(Text(plain(line)), soft_wrap=True)


def _tell_sight(occasion: JSON) -> str:
    if occasion["seq"] is None:
        return "The task is looked at as it is now."
    return f"The task is looked at as it was at event {occasion['seq']}, {occasion['time']}."


def _tell_clauses(file: str, clauses: Sequence[JSON], depth: int = 0) -> Iterator[tuple[Any, ...]]:
    indent = "  " * depth
    for clause in clauses:
        place, tick = _place(file, clause["line"]), _tick(ok=clause["ok"])
        if clause["parts"]:
            yield place, f"{indent}{clause['field']}", "", tick
            for part in clause["parts"]:
                yield from _tell_clauses(file, part, depth + 1)
            continue
        expected = f"{indent}{plain(clause['field'])}  {clause['operator']} {_show(clause['expected'])}"
        yield place, Text(expected), Text(f"found {_show(clause['found'])}"), tick


def _tell_verdict(explanation: JSON) -> Text:
    firing = explanation["firing"]
    if firing is not None:
        outcome, reason = firing["outcome"], firing["reason"]
        style = "green" if outcome == "fired" else "yellow"
        return Text(outcome + (f": {reason}" if reason else ""), style)
    missed = explanation["missed"]
    if missed:
        return Text(f"does not mean the task: {missed} {'line' if missed == 1 else 'lines'} missed", "yellow")
    return Text("means the task, and has decided nothing about it", "yellow")


def _tell_end(explanation: JSON) -> Iterator[str]:
    """What happened, or what would."""
    firing, decision = explanation["firing"], explanation["decision"]
    if firing is not None:
        done = tell_actions(firing["actions"])
        yield f"{firing['outcome']} at {firing['updated_at']}" + (f": {done}" if done else "")
        if firing["detail"]:
            yield f"because {firing['detail']}"
        if firing["next_at"]:
            yield f"looked at again at {firing['next_at']}"
        if firing["version"] != explanation["version"]:
            yield "by an earlier version of the rule; the lines above are of the one in force"
    elif decision is not None:
        yield f"Applied now it would be {decision['outcome']}: {', '.join(decision['actions']) or decision['detail']}"
        yield f"It came into force after the event; to apply it: ringback rules apply {explanation['rule']} --since 1d"


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if line else "then"


def _tick(*, ok: bool) -> Text:
    return Text("ok", "green") if ok else Text("NO", "bold red")


def _show(value: Any) -> str:
    """A value as JSON, harmless and short."""
    if value is None:
        return "nothing"
    text = plain(msgspec.json.encode(value).decode())
    return text if len(text) <= VALUE_AT_MOST else text[: VALUE_AT_MOST - 1] + "…"

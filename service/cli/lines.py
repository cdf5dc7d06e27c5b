"""An event as a line for a person."""

from datetime import datetime

from rich.text import Text

from service.cli.screen import name_task, plain
from service.cli.states import state_of
from storage.records import JSON, RULE_PAUSED


def tell_event(event: JSON) -> Text:
    """Give the line: when, what, which task, how far, from where, and whatever else it says."""
    line = Text.assemble((_clock(event["time"]), "dim"), f"  {event['seq']:>5}  ")
    task, data = event["task"], event["data"]
    if task is None or event["type"] == RULE_PAUSED:  # of a rule: how its task stands is beside the point
        line.append("! " if event["type"] == RULE_PAUSED else "", "yellow").append(plain(event["type"]))
        for text, style in ((data.get("rule"), "bold"), (data.get("detail"), "yellow")):
            line.append(f"  {plain(text)}" if text else "", style)
        return line
    state = state_of(task)
    line.append(f"{state.shape} ", state.style).append(f"{plain(event['type']):<15} ")
    line.append(f"{task['id']}  {name_task(task):<8}", "dim")
    if task["progress"] is not None:
        line.append(f" {task['progress']:>3} %")
    line.append(f"  {plain(data.get('source'))}", "dim")
    for text, style in ((data.get("reason") or data.get("detail"), "yellow"), (task["fail_reason"], "red")):
        if text:
            line.append(f"  {plain(text)}", style)
    return line


def _clock(time: str) -> str:
    """The time of day here, to the tenth of a second."""
    return datetime.fromisoformat(time).astimezone().strftime("%H:%M:%S.%f")[:-5]

"""What the gateway's own books prove: what it was paid for, and what was acknowledged to it without being recorded."""

from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import datetime

from service.cli.demo.play import Record
from storage.ledger import RANKS
from storage.records import JSON

Height = tuple[int, int]  # the rank of a status, and percent


def find_purchases(books: JSON) -> Counter[str]:
    """How often the gateway was paid for each thing: a grid for one of our tasks, or one picture of one grid."""
    paid = books["submissions"]
    tasks = {each["id"]: each["state"] for each in paid}
    return Counter(
        f"the grid of task {each['state']}"
        if each["parent"] is None
        else f"{each['action']} {each['index']} of task {tasks.get(each['parent'], each['parent'])}"
        for each in paid
    )


def find_unrecorded(record: Record) -> list[JSON]:
    """The callbacks that were acknowledged, and of which the ledger knew nothing yet when they were.

    What the reconciler asked for later is no excuse. A callback counts as known when an event of its task was there
    by then that went as far or farther; gateway and ledger go by the same clock, this machine's.
    """
    heights: defaultdict[str, list[tuple[int, Height]]] = defaultdict(list)  # by task: when, and the highest so far
    for event in record.events:
        task = event["task"]
        known = heights[task["id"]]
        height = _height(task["status"], task["progress"])
        known.append((_milliseconds(event["time"]), max(height, known[-1][1]) if known else height))
    tasks = {each["id"]: each["state"] for each in record.books["submissions"]}
    unrecorded = []
    for gateway_id, status, progress, at in record.books["acknowledged_log"]:
        known = heights[tasks[gateway_id]]
        by_then = bisect_right(known, at, key=lambda each: each[0])
        if not by_then or known[by_then - 1][1] < _height(status, _percent(progress)):
            unrecorded.append({"task": tasks[gateway_id], "status": status, "progress": progress})
    return unrecorded


def count_overtaken(books: JSON) -> int:
    """How many acknowledged callbacks came after one of the same task that went farther."""
    highest: dict[str, Height] = {}
    overtaken = 0
    for gateway_id, status, progress, _ in books["acknowledged_log"]:
        height = _height(status, _percent(progress))
        overtaken += height < highest.get(gateway_id, height)
        highest[gateway_id] = max(height, highest.get(gateway_id, height))
    return overtaken


def _height(status: str, percent: int | None) -> Height:
    return RANKS[status], -1 if percent is None else percent


def _percent(progress: str | None) -> int | None:
    return int(progress.removesuffix("%")) if progress else None


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)

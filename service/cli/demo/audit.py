"""What the books of the others prove: the gateway's, what it was paid for and what was acknowledged to it without being
recorded; and the subscriber's, what it was told."""

from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import datetime
from typing import Final

from service.cli.demo.play import Record
from service.cli.demo.subscriber import Heard
from storage.ledger import RANKS
from storage.records import JSON

PICTURES: Final = 2  # of a chain as it should be: a grid, and its U1
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


def drop_repeated(heard: list[Heard]) -> list[Heard]:
    """What the subscriber was told, each event as it came first, in the order in which they came."""
    first: dict[str, Heard] = {}
    for each in heard:
        first.setdefault(each.id, each)
    return list(first.values())


def count_disordered(heard: list[Heard]) -> int:
    """How many events the subscriber heard of first after a later one of the same task."""
    latest: dict[str, int] = {}
    disordered = 0
    for data in (each.data for each in drop_repeated(heard) if each.genuine):
        if data["task"] is None:
            continue
        task_id, seq = data["task"]["id"], data["seq"]
        disordered += seq < latest.get(task_id, 0)
        latest[task_id] = max(seq, latest.get(task_id, 0))
    return disordered


def count_settled(heard: list[Heard]) -> int:
    """Of how many chains the subscriber was told that they have settled, with the pictures of a grid and its U1."""
    told: dict[str, set[str]] = {}  # by root: the tasks of which a picture came along
    for data in (each.data for each in heard if each.genuine):
        if chain := data.get("chain"):
            told[chain["root_id"]] = {each["task_id"] for each in chain["pictures"] if each["image_url"]}
    return sum(len(pictures) == PICTURES for pictures in told.values())


def _height(status: str, percent: int | None) -> Height:
    return RANKS[status], -1 if percent is None else percent


def _percent(progress: str | None) -> int | None:
    return int(progress.removesuffix("%")) if progress else None


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)

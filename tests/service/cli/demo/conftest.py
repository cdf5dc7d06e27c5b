"""A performance as it is taken down."""

import msgspec
import pytest

from service.cli.demo.play import PROMPTS, Record
from service.cli.demo.subscriber import Heard

COUNTS = {
    "callbacks_made": 40, "lost": 10, "doubled": 5, "callbacks_sent": 35, "acknowledged": 30,
    "refused_by_receiver": 5, "imagine": 6, "clicks": 6,
}  # fmt: skip
SECOND = 1_795_395_600_000  # 2026-11-23T01:00:00Z in milliseconds


def grid_bought(number):
    return {
        "id": f"grid {number}", "parent": None, "action": "IMAGINE", "index": None, "state": f"800000000000000{number}",
        "hook": True,
    }  # fmt: skip


def upscale_bought(number):
    return {
        "id": f"upscale {number}", "parent": f"grid {number}", "action": "UPSCALE", "index": 1,
        "state": f"810000000000000{number}", "hook": True,
    }  # fmt: skip


def settle(*tasks):
    """What is told of a chain with pictures of these tasks."""
    pictures = [{"task_id": task["id"], "image_url": "https://cdn.example/1.png"} for task in tasks]
    return {"root_id": tasks[0]["id"], "pictures": pictures}


def hear(event, **more):
    """A delivery of an event."""
    body = {"type": event["type"], "data": {name: event[name] for name in ("seq", "id", "task")} | event["data"]}
    return Heard(**{"id": event["id"], "genuine": True, "body": msgspec.json.encode(body)} | more)


@pytest.fixture
def record(a_task, a_child):
    """A performance in which all went well; its first grid spoke three times, and was asked about once.

    The subscriber was told of one event twice.
    """
    grids = [a_task(id=f"800000000000000{number}", root_id=f"800000000000000{number}") for number in range(6)]
    upscales = [
        a_child(id=f"810000000000000{number}", parent_id=f"800000000000000{number}") for number in range(len(PROMPTS))
    ]
    spoken = [
        ("task.submitted", "NOT_START", None, "callback"),
        ("task.progressed", "IN_PROGRESS", 31, "callback"),
        ("task.progressed", "IN_PROGRESS", 62, "fetch"),
        ("task.succeeded", "SUCCESS", 100, "callback"),
    ]
    events = [
        {
            "seq": seq,
            "id": f"evt_{seq}",
            "type": event_type,
            "time": f"2026-11-23T01:00:0{seq}.000Z",
            "task": grids[0] | {"status": status, "progress": progress},
            "data": {"source": source},
        }
        for seq, (event_type, status, progress, source) in enumerate(spoken, 1)
    ] + [
        {
            "seq": seq,
            "id": f"evt_{seq}",
            "type": "chain.settled",
            "time": "2026-11-23T01:00:09.000Z",
            "task": grid,
            "data": {"source": "service", "chain": settle(grid, upscale)},
        }
        for seq, (grid, upscale) in enumerate(zip(grids, upscales, strict=True), 5)
    ]
    return Record(
        chains=[list(chain) for chain in zip(grids, upscales, strict=True)],
        events=events,
        firings=[
            {
                "rule": "first-pick",
                "task_id": grid["id"],
                "outcome": "fired",
                "actions": [{"action": "click", "button": "U1", "task_id": upscale["id"], "result": "opened"}],
            }
            for grid, upscale in zip(grids, upscales, strict=True)
        ],
        books={
            "counts": dict(COUNTS),
            "submissions": [bought(each) for each in range(6) for bought in (grid_bought, upscale_bought)],
            "acknowledged_log": [
                ["grid 0", "IN_PROGRESS", "31%", SECOND + 2000],
                ["grid 0", "IN_PROGRESS", "62%", SECOND + 3500],
                ["grid 0", "IN_PROGRESS", "31%", SECOND + 3600],
                ["grid 0", "SUCCESS", "100%", SECOND + 4100],
            ],
        },
        dead_ends=5,
        streamed=[1, 2, 3],
        heard=[hear(event) for event in (*events, events[2])],
        breaks=1,
    )

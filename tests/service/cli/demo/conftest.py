"""A performance as it is taken down."""

import pytest

from service.cli.demo.play import PROMPTS, Record

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


@pytest.fixture
def record(a_task, a_child):
    """A performance in which all went well; its first grid spoke three times, and was asked about once."""
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
    return Record(
        chains=[list(chain) for chain in zip(grids, upscales, strict=True)],
        events=[
            {
                "seq": seq,
                "type": event_type,
                "time": f"2026-11-23T01:00:0{seq}.000Z",
                "task": grids[0] | {"status": status, "progress": progress},
                "data": {"source": source},
            }
            for seq, (event_type, status, progress, source) in enumerate(spoken, 1)
        ],
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
        breaks=1,
    )

"""Every gateway that people come from is spoken to in its own dialect, by one service."""

import pytest

from tests.journeys.conftest import RULES, Member
from tests.journeys.processes import PICTURE, wait_until

pytestmark = pytest.mark.journey
AT_ONCE = {"lag": 0}  # their rows show what they know; by default they are 15 s behind
MEMBERS = (
    Member("fuhuapi", AT_ONCE, "fuhuapi", "fuhuapi"),
    Member("deerapi", AT_ONCE, "deerapi", "deerapi"),
    Member("kuaiwenwen", AT_ONCE, "kuaiwenwen", "kuaiwenwen", configured={"mode": "fast"}),  # /mj-fast/mj/…
    Member("kuaiwenwen, short", AT_ONCE, "kuaiwenwen", "kuaiwenwen", path="/relax"),  # /relax/mj/…
    Member("midjourney-proxy", {}, "midjourney-proxy"),
    Member("new-api", AT_ONCE, "new-api", "new-api"),
)
MODES = {"kuaiwenwen": "fast", "kuaiwenwen, short": "relax"}
SHORTENS = ("kuaiwenwen", "kuaiwenwen, short", "new-api")
WINDOWS = ("fuhuapi", "deerapi", "kuaiwenwen", "kuaiwenwen, short", "new-api")


def test_every_gateway_is_spoken_to_in_its_dialect(stage):
    gateways, service = stage.gather(*MEMBERS, rules=RULES)
    asked = {
        "IMAGINE": {"prompt": "一只猫"},
        "BLEND": {"images": [PICTURE, PICTURE]},
        "DESCRIBE": {"images": [PICTURE]},
    }
    opened = {
        (name, action): service.submit(gateway=name, action=action, **wanted)
        for name in gateways
        for action, wanted in asked.items()
    }
    opened |= {
        (name, "SHORTEN"): service.submit(gateway=name, action="SHORTEN", prompt="a long prompt") for name in SHORTENS
    }

    def succeeded(task_id):
        return service.ledger.rows("SELECT * FROM tasks WHERE id = ? AND status = 'SUCCESS'", task_id)

    for (name, action), task_id in opened.items():
        wait_until(lambda task_id=task_id: succeeded(task_id), f"{action} at {name} has succeeded")
    # The rule clicks U1 of each picture. On the grid beside it, and on the U1, two windows are opened and answered:
    # new-api says 21 of the one, and rewrites that to 1 of the other.
    child = "SELECT id FROM tasks WHERE parent_id = ? AND action = 'UPSCALE' AND status = 'SUCCESS'"
    singles = {
        name: wait_until(
            lambda name=name: service.ledger.rows(child, opened[name, "IMAGINE"]), f"the U1 at {name} has succeeded"
        )[0]["id"]
        for name in gateways
    }
    answered = [
        task_id
        for name in WINDOWS
        for task_id in (
            service.click(opened[name, "IMAGINE"], "V1", prompt="一只更大的猫"),
            service.click(singles[name], "Vary (Region)", prompt="一顶帽子", mask=PICTURE),
        )
    ]
    for task_id in answered:
        wait_until(lambda task_id=task_id: succeeded(task_id), f"the window of {task_id} was answered")
    for name, gateway in gateways.items():
        books = gateway.books()
        endpoints = sorted(each["endpoint"] for each in books["submissions"])
        windows = ["action", "action", "modal", "modal"] if name in WINDOWS else []
        press = "change" if name == "midjourney-proxy" else "action"
        shortened = ["shorten"] if name in SHORTENS else []
        assert endpoints == sorted(["imagine", "blend", "describe", press, *windows, *shortened])
        assert {each["mode"] for each in books["submissions"]} == {MODES.get(name)}
        assert (books["double_spends"], books["counts"]["uploads"]) == ([], 4 if windows else 3)
        assert service.ledger.lacks(books) == []
    described = service.task(opened["kuaiwenwen", "DESCRIBE"])
    assert described["properties"]["finalPrompt"]

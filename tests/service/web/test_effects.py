"""Notifications and downloads as the API shows them, and another try for those that were given up."""

from collections.abc import Iterator
from typing import Any

import pytest

from storage.effects import fail_effect

RULES = """
rules:
  - id: tell
    on: task.succeeded
    match: {action: IMAGINE}
    do: [notify: {url: "http://127.0.0.1:9/hook", text: 一只猫}]
"""


@pytest.fixture(scope="module")
def ruled(start_ringback: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service that may not call the address that it is to tell."""
    config = tmp_path_factory.mktemp("rules") / "ringback.yaml"
    config.write_text(RULES)
    with start_ringback(RINGBACK_CONFIG=str(config)) as running:
        yield running


def give_up(ruled: Any) -> dict[str, Any]:
    """One more that was given up."""
    task = ruled.grid()
    (effect,) = ruled.get("/v1/effects", task=task["id"]).json()["effects"]
    ruled.service.store.submit(fail_effect, effect["id"], "410 Gone").result(10)
    (effect,) = ruled.get("/v1/effects", task=task["id"], state="failed", kind="notify").json()["effects"]
    return dict(effect)


def test_effects_are_shown_newest_first_page_by_page(ruled: Any) -> None:
    first, second = give_up(ruled), give_up(ruled)
    assert (second["state"], second["detail"], second["next_at"]) == ("failed", "410 Gone", None)
    assert second["request"]["text"] == "一只猫"
    assert "127.0.0.1" not in str(second["request"]), "the ledger knows no address"
    assert second["done_at"].endswith("Z")
    page = ruled.get("/v1/effects", limit=1).json()
    assert page["effects"] == [second]
    assert ruled.get("/v1/effects", limit=1, cursor=page["next"]).json()["effects"] == [first]
    assert ruled.get("/v1/effects", kind="download").json() == {"effects": [], "next": None}
    assert ruled.get("/v1/effects", state="lost").status_code == 422


def test_what_was_given_up_is_tried_again(ruled: Any) -> None:
    ruled.post("/v1/effects/retry")
    one, two = give_up(ruled), give_up(ruled)
    assert ruled.get("/readyz").json()["failed_effects"] == 2
    assert ruled.post("/v1/effects/retry", {"ids": [one["id"]]}).json() == {"retried": 1}
    assert ruled.post("/v1/effects/retry", {"rule": "tell"}).json() == {"retried": 1}
    assert ruled.post("/v1/effects/retry", {"rule": "tell"}).json() == {"retried": 0}
    assert ruled.get("/readyz").json()["failed_effects"] == 0
    again = {effect["id"]: effect["state"] for effect in ruled.get("/v1/effects").json()["effects"]}
    assert (again[one["id"]], again[two["id"]]) == ("planned", "planned")
    assert ruled.post("/v1/effects/retry", {"rule": "nowhere"}).status_code == 404
    assert ruled.post("/v1/effects/retry", {"rules": "tell"}).status_code == 422

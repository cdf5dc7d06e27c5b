"""Many prompts through gateways that lose, double, mix up and withhold: each grid gets its one U1."""

import time

import pytest

pytestmark = pytest.mark.fault
PLUS = "midjourney-proxy-plus"
TASKS = 200
SILENT_AFTER = 0.5  # seconds, as the stage sets it


def test_lost_doubled_and_reordered_callbacks_leave_one_upscale_for_each_grid(stage):
    gateway, service = stage.play("midjourney-proxy", {"drop": 0.3, "duplicate": 0.3, "reorder": 0.3}, dialect=PLUS)
    counts = stage.audit(gateway, service, service.submit_many(TASKS))["counts"]
    # The vices have struck, and the service has refused nothing of what did arrive.
    assert min(counts["lost"], counts["doubled"], counts["reordered"]) > TASKS
    assert counts["refused_by_receiver"] == 0


def test_a_gateway_that_strips_every_hook_is_only_slower(stage):
    gateway, service = stage.play("midjourney-proxy", {"strip_hook": 1, "grid_seconds": 0.5}, dialect=PLUS)
    began = time.monotonic()
    counts = stage.audit(gateway, service, service.submit_many(TASKS))["counts"]
    seconds = time.monotonic() - began
    assert (counts["hooks_stripped"], counts["callbacks_made"]) == (2 * TASKS, 0)
    # It was asked in batches, one in an interval once it was known that no hook arrives; before that, somewhat faster.
    assert counts["fetches"] == 0
    assert counts["lists"] <= seconds / SILENT_AFTER + 10
    (shown,) = service.http.get("/v1/gateways").json()["gateways"]
    assert (shown["hooks"]["state"], shown["hooks"]["by_callback"]) == ("missing", 0)
    assert shown["polls"]["made"] == counts["lists"]


def test_without_a_public_url_it_works_hookless_and_says_so(stage):
    gateway, service = stage.play("deerapi", {"lag": 0}, RINGBACK_PUBLIC_URL="")
    assert "No RINGBACK_PUBLIC_URL" in service.log
    assert "hookless" in service.log
    assert service.http.get("/readyz").json()["hooks"] == "none: no public URL"
    books = stage.audit(gateway, service, service.submit_many(TASKS))
    assert not any(submission["hook"] for submission in books["submissions"])


def test_new_apis_lag_behind_its_own_callbacks_only_delays_the_click(stage):
    gateway, service = stage.play("new-api", {"lag": 2, "slots": 25, "queue": 400}, RINGBACK_SILENT_AFTER="3")
    counts = stage.audit(gateway, service, service.submit_many(TASKS))["counts"]
    clicks = service.ledger.rows(
        "SELECT attempts FROM submissions JOIN tasks ON task_id = tasks.id WHERE parent_id IS NOT NULL"
    )
    # Clicks came too early ("task_status_not_success"); each refusal was followed by one more try.
    assert counts["refused"] > 0
    assert counts["refused"] == sum(click["attempts"] - 1 for click in clicks)
    assert {click["attempts"] for click in clicks} <= {1, 2}


def test_a_gateway_with_three_places_serves_twenty_tasks_and_refuses_none(stage):
    gateway, service = stage.play("midjourney-proxy", {"slots": 3, "queue": 2, "grid_seconds": 0.1}, dialect=PLUS)
    counts = stage.audit(gateway, service, service.submit_many(20))["counts"]
    # Its queue was full, and the user never heard of it; nor was it beset with what it had no room for.
    assert 0 < counts["refused"] < 2 * counts["submissions"]

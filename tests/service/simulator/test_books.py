"""What the gateway wrote down, for whoever audits a run."""

import pytest

U = "MJ::JOB::upsample::{}::26d56b92-4ed6-45e2-8561-563797923135"


def test_every_accepted_submission_is_written_down(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    grid = gateway.grid("一只猫", state="s1")
    child = gateway.accepted("action", taskId=grid, customId=U.format(3))
    gateway.submit("imagine", prompt=" ")
    books = gateway.books()
    root, click = books["submissions"]
    assert (root["id"], root["action"], root["parent"], root["state"]) == (grid, "IMAGINE", None, "s1")
    assert (root["prompt"], root["hook"], root["endpoint"]) == ("一只猫", True, "imagine")
    assert (click["id"], click["action"], click["parent"], click["state"]) == (child, "UPSCALE", grid, None)
    assert (click["custom_id"], click["index"], click["hook"]) == (U.format(3), 3, False)
    assert root["at"] <= click["at"]
    counts = books["counts"]
    assert (counts["submissions"], counts["imagine"], counts["clicks"], counts["refused"]) == (2, 1, 1, 1)


@pytest.mark.parametrize("dialect", ["midjourney-proxy", "midjourney-proxy-plus"])
def test_the_same_upscale_of_one_grid_is_a_double_spend(simulate, receiver, dialect):
    gateway = simulate(dialect, settled=True)
    first, second = gateway.grid(hook="a"), gateway.grid(hook="b")
    for parent, index in ((first, 1), (first, 2), (first, 1), (second, 1), (first, 1)):
        gateway.accepted("change", taskId=parent, action="UPSCALE", index=index)
    assert gateway.books()["double_spends"] == [{"parent": first, "action": "UPSCALE", "index": 1, "count": 3}]


def test_change_and_action_are_the_same_upscale(simulate):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    grid = gateway.grid()
    gateway.accepted("change", taskId=grid, action="UPSCALE", index=2)
    gateway.accepted("action", taskId=grid, customId=U.format(2))
    assert [spend["count"] for spend in gateway.books()["double_spends"]] == [2]


def test_the_same_variation_twice_is_two_pictures(simulate):
    gateway = simulate(settled=True)
    grid = gateway.grid()
    for _ in range(2):
        gateway.accepted("change", taskId=grid, action="VARIATION", index=2)
    assert gateway.books()["double_spends"] == []


def test_a_state_that_came_twice_is_shown(unserved):
    gateway = unserved(grid_seconds=60)
    for state in ("8000", "8001", "8000", "", ""):
        gateway.accepted("imagine", prompt="a cat", state=state)
    assert gateway.books()["repeated_states"] == [{"state": "8000", "count": 2}]


def test_what_was_acknowledged_is_logged_and_nothing_else(simulate, receiver):
    gateway = simulate(settled=True)
    receiver.answers["refused"] = 503
    grid = gateway.grid(hook="taken")
    gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("refused"))
    books = gateway.books()
    assert sorted(books["acknowledged_log"]) == sorted([grid, *step] for step in receiver.steps("taken"))
    counts = books["counts"]
    assert (counts["acknowledged"], counts["refused_by_receiver"], counts["callbacks_sent"]) == (9, 9, 18)
    # No retry: each came once. And no cookie was kept, though each answer set one.
    assert len(receiver.got("refused")) == 9
    assert receiver.cookies == []


def test_a_hook_that_nobody_answers_harms_nobody(simulate, receiver):
    gateway = simulate(settled=True)
    for hook in ("http://127.0.0.1:1/hooks/x", "not a url", "http://[::1", "ftp://127.0.0.1/x"):
        task_id = gateway.accepted("imagine", prompt="a cat", notifyHook=hook)
        assert gateway.fetch(task_id)["status"] == "SUCCESS"
    assert gateway.counts()["refused_by_receiver"] == 4 * 9


def test_a_redirect_is_not_followed(simulate, receiver):
    gateway = simulate(settled=True)
    receiver.answers["moved"] = 307
    gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("moved"))
    assert gateway.counts()["refused_by_receiver"] == 9
    assert receiver.got("elsewhere") == []


@pytest.mark.parametrize("vices", [{}, {"drop": 0.3, "duplicate": 0.3, "reorder": 0.3}])
def test_the_books_balance(simulate, receiver, vices):
    gateway = simulate(settled=True, vices=vices)
    for number in range(5):
        gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook(f"n{number}"))
    counts = gateway.counts()
    assert counts["callbacks_made"] == 5 * 9
    assert counts["callbacks_made"] + counts["doubled"] == counts["callbacks_sent"] + counts["lost"]
    assert counts["callbacks_sent"] == counts["acknowledged"] + counts["refused_by_receiver"]
    assert counts["callbacks_sent"] == len(receiver.raw)


def test_questions_are_counted(unserved):
    gateway = unserved("midjourney-proxy-plus")
    gateway.http.get("/mj/task/17/fetch")
    gateway.http.get("/mj/task/list")
    gateway.http.post("/mj/task/query", json={})
    counts = gateway.counts()
    assert (counts["fetches"], counts["lists"]) == (1, 2)


def test_books_and_health_need_no_key(unserved):
    gateway = unserved(key="gateway-key-0123456789", vices={"drop": 0.25})
    assert gateway.books()["submissions"] == []
    health = gateway.http.get("/simulator/health").json()
    assert health == {"status": "ok", "dialect": "midjourney-proxy", "vices": {"drop": 0.25}, "at_work": 0}

"""What the gateway wrote down, for whoever audits a run."""

import pytest

pytestmark = pytest.mark.journey

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


def test_the_same_upscale_of_two_grids_that_share_an_id_is_no_double_spend(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", settled=True, vices={"share_id": 1.0})
    grids = {gateway.grid(hook=hook) for hook in "ab"}
    assert len(grids) == 1
    buttons = [receiver.wait_for(hook, "SUCCESS")["buttons"][0]["customId"] for hook in "aab"]
    click = {"taskId": grids.pop(), "notifyHook": receiver.hook("u")}
    for custom_id in buttons[1:]:
        gateway.accepted("action", **click, customId=custom_id)
    assert gateway.books()["double_spends"] == []
    gateway.accepted("action", **click, customId=buttons[0])
    assert [spend["count"] for spend in gateway.books()["double_spends"]] == [2]


def test_the_books_are_kept_by_the_right_clock(simulate, clock, receiver):
    gateway = simulate(clock=clock, settled=True, vices={"skew": -3600.0})
    gateway.grid()
    assert {at for *_, at in gateway.books()["acknowledged_log"]} == {clock.now * 1000}


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
    log = books["acknowledged_log"]
    assert sorted(entry[:3] for entry in log) == sorted([grid, *step] for step in receiver.steps("taken"))
    assert [at for *_, at in log] == sorted(at for *_, at in log)
    assert log[0][3] >= books["submissions"][0]["at"]  # dated by the gateway's own clock, in milliseconds
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


def test_the_greatest_number_of_tasks_and_their_order_are_kept(simulate):
    gateway = simulate(slots=3, grid_seconds=60)
    codes = [gateway.submit("imagine", prompt="猫", state=f"s{n}").json()["code"] for n in range(15)]
    assert codes == [1] * 3 + [22] * 10 + [23] * 2
    books = gateway.books()
    assert (books["most_outstanding"], books["most_at_work"]) == (13, 3)
    assert [each["state"] for each in books["arrivals"]] == [f"s{n}" for n in range(15)]
    assert [each["accepted"] for each in books["arrivals"]] == [True] * 13 + [False] * 2
    assert {each["endpoint"] for each in books["arrivals"]} == {"submit/imagine"}


def test_the_greatest_number_stays_when_the_tasks_have_ended(simulate, receiver):
    gateway = simulate(slots=2, grid_seconds=0.05)
    for number in range(4):
        gateway.submit("imagine", prompt="猫", notifyHook=receiver.hook(f"n{number}"))
    for number in range(4):
        receiver.wait_for(f"n{number}", "SUCCESS")
    gateway.until(lambda: gateway.http.get("/simulator/health").json()["at_work"] == 0)
    gateway.grid(hook="last")
    books = gateway.books()
    assert (books["most_outstanding"], books["most_at_work"]) == (4, 2)

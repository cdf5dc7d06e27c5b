"""Vices that mix tasks up: somebody else's task, a shared id, a foreign name."""

import pytest


@pytest.mark.parametrize(("dialect", "code"), [("midjourney-proxy", 21), ("new-api", 1)])
def test_an_upscale_may_have_been_bought_by_somebody_else(simulate, receiver, dialect, code):
    gateway = simulate(dialect, settled=True, vices={"existed": 1.0, "lag": 0.0})
    grid = gateway.grid()
    click = {"taskId": grid, "action": "UPSCALE", "index": 2, "notifyHook": receiver.hook("u"), "state": "s"}
    answer = gateway.submit("change", **click).json()
    assert (answer["code"], answer["description"]) == (code, "任务已存在")
    assert set(answer["properties"]) == {"status", "imageUrl"}
    gateway.until(lambda: gateway.fetch(answer["result"])["status"] == "SUCCESS")
    again = gateway.submit("change", **click).json()
    assert (again["result"], again["properties"]["status"]) == (answer["result"], "SUCCESS")
    assert gateway.fetch(answer["result"])["state"] in (None, "")
    assert receiver.got("u") == []
    assert (gateway.counts()["existed"], gateway.counts()["submissions"]) == (2, 1)


def test_an_upscale_of_our_own_is_named_again(simulate):
    # The same seed that lets the first click pass names its task at a later one.
    gateway = simulate(settled=True, seed=3, vices={"existed": 0.5})
    grid = gateway.grid()
    answers = [gateway.submit("change", taskId=grid, action="UPSCALE", index=1).json() for _ in range(8)]
    codes = [answer["code"] for answer in answers]
    assert set(codes) == {1, 21}
    made = {answer["result"] for answer in answers if answer["code"] == 1}
    assert all(answer["result"] in made for answer in answers[codes.index(1) :])


def test_two_tasks_can_share_an_id(simulate, receiver):
    gateway = simulate(settled=True, vices={"share_id": 1.0})
    ids = {gateway.grid(prompt, hook) for prompt, hook in (("first", "a"), ("second", "b"))}
    assert len(ids) == 1
    assert {body["prompt"] for body in receiver.got("a")} == {"first"}
    assert {body["id"] for hook in "ab" for body in receiver.got(hook)} == ids
    assert gateway.fetch(ids.pop())["prompt"] == "second"
    assert len(gateway.http.get("/mj/task/list").json()) == 1


def test_a_callback_can_name_another_task(simulate, receiver):
    gateway = simulate(settled=True, vices={"foreign_id": 1.0})
    first, second = gateway.grid(hook="a"), gateway.grid(hook="b")
    assert {body["id"] for body in receiver.got("b")} == {first}
    assert {body["id"] for body in receiver.got("a")}.isdisjoint({first, second})
    books = gateway.books()
    assert (books["counts"]["acknowledged"], books["acknowledged_log"]) == (2 * 9, [])

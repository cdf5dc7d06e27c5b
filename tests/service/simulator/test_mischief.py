"""Each vice, switched on, seen from outside."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

pytestmark = pytest.mark.journey

IMAGE = "26d56b92-4ed6-45e2-8561-563797923135"
CHANGES = 9  # of a grid, each with a callback


def test_dropped_callbacks_never_come(simulate, receiver):
    gateway = simulate(settled=True, vices={"drop": 1.0})
    task_id = gateway.accepted("imagine", prompt="猫", notifyHook=receiver.hook("a"))
    assert receiver.got("a") == []
    assert gateway.fetch(task_id)["status"] == "SUCCESS"
    counts = gateway.counts()
    assert (counts["callbacks_made"], counts["lost"], counts["callbacks_sent"]) == (CHANGES, CHANGES, 0)


def test_duplicated_callbacks_come_twice(simulate, receiver):
    gateway = simulate(settled=True, vices={"duplicate": 1.0})
    gateway.grid()
    steps = receiver.steps("grid")
    assert len(steps) == 2 * CHANGES
    assert all(steps.count(step) == 2 for step in steps)
    counts = gateway.counts()
    assert (counts["doubled"], counts["callbacks_sent"], counts["acknowledged"]) == (CHANGES, 2 * CHANGES, 2 * CHANGES)


def test_reordered_callbacks_are_overtaken(simulate, receiver):
    gateway = simulate(settled=True, vices={"reorder": 1.0})
    gateway.grid()
    steps = receiver.steps("grid")
    assert steps[0] == ("SUCCESS", "100%")
    assert len(steps) == len(set(steps)) == CHANGES
    assert gateway.counts()["reordered"] == CHANGES - 1


def test_what_was_held_back_comes_even_if_the_ending_is_lost(simulate, receiver):
    # A seed under which some are held back and the last is dropped.
    for seed in range(1, 20):
        hook = f"seed{seed}"
        gateway = simulate(settled=True, seed=seed, vices={"reorder": 0.5, "drop": 0.5})
        gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook(hook))
        counts = gateway.counts()
        assert counts["callbacks_sent"] + counts["lost"] == counts["callbacks_made"] == CHANGES
        assert len(receiver.got(hook)) == counts["callbacks_sent"]
        if counts["reordered"] and ("SUCCESS", "100%") not in receiver.steps(hook):
            return
    pytest.fail("no seed had both")


def test_delayed_callbacks_leave_later(simulate, receiver):
    gateway = simulate(vices={"delay": 600.0})
    task_id = gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    gateway.until(lambda: gateway.fetch(task_id)["status"] == "SUCCESS")
    counts = gateway.counts()
    assert (counts["callbacks_made"], counts["callbacks_sent"]) == (CHANGES, 0)


def test_a_stripped_hook_is_never_called(simulate, receiver):
    gateway = simulate(settled=True, vices={"strip_hook": 1.0})
    task_id = gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    assert gateway.fetch(task_id)["properties"]["notifyHook"] == ""
    books = gateway.books()
    assert (books["counts"]["hooks_stripped"], books["counts"]["callbacks_made"]) == (1, 0)
    assert books["submissions"][0]["hook"] is False


def test_a_lagging_row_is_older_than_the_callback(simulate, receiver, clock):
    gateway = simulate("midjourney-proxy-plus", clock=clock, vices={"lag": 10.0})
    grid = gateway.grid()
    custom_id = receiver.wait_for("grid", "SUCCESS")["buttons"][0]["customId"]
    assert gateway.fetch(grid)["status"] == "NOT_START"
    refused = gateway.submit("action", taskId=grid, customId=custom_id).json()
    assert (refused["code"], refused["description"]) == (4, "关联任务状态错误")
    clock.now += 10
    assert gateway.fetch(grid)["status"] == "SUCCESS"
    assert gateway.submit("action", taskId=grid, customId=custom_id).json()["code"] == 1


@pytest.mark.parametrize(
    ("dialect", "code", "description"),
    [("midjourney-proxy", 23, "队列已满，请稍后尝试"), ("trueai", 9, "提交失败，队列已满，请稍后重试")],
)
def test_a_full_queue_refuses(simulate, dialect, code, description):
    gateway = simulate(dialect, vices={"queue_full": 1.0})
    answer = gateway.submit("imagine", prompt="a cat")
    assert answer.status_code == 200
    assert answer.json()["code"] == code
    assert answer.json()["description"] == description
    assert answer.json()["result"] is None
    counts = gateway.counts()
    assert (counts["refused"], counts["submissions"]) == (1, 0)


def test_a_banned_prompt_is_refused_at_once(simulate):
    answer = simulate(vices={"refuse": 1.0}).submit("imagine", prompt='裸 "猫"').json()
    assert (answer["code"], answer["description"]) == (24, "可能包含敏感词")
    assert answer["properties"]["promptEn"] == '裸 "猫"'


def test_trueai_accepts_a_banned_prompt_and_fails_later(simulate, receiver):
    gateway = simulate("trueai", settled=True, vices={"refuse": 1.0})
    gateway.accepted("imagine", prompt="裸猫", notifyHook=receiver.hook("a"))
    assert receiver.wait_for("a", "FAILURE")["failReason"] == "可能包含敏感词"


def test_a_refused_click_is_a_bad_request_of_its_own(simulate, receiver):
    # The first submission passes, some later one is refused: the same seed decides both.
    gateway = simulate(settled=True, seed=4, vices={"refuse": 0.5})
    ids = [
        a["result"]
        for a in (gateway.submit("imagine", prompt="a cat", notifyHook=receiver.hook("a")).json() for _ in range(8))
        if a["code"] == 1
    ]
    answers = [gateway.submit("change", taskId=ids[0], action="UPSCALE", index=1).json() for _ in range(8)]
    assert {answer["code"] for answer in answers} == {1, 4}


def test_a_failing_task_ends_in_failure(simulate, receiver):
    gateway = simulate(settled=True, vices={"fail": 1.0})
    for number in range(8):
        gateway.accepted("imagine", prompt="猫", notifyHook=receiver.hook(f"f{number}"))
    endings = [receiver.wait_for(f"f{number}", "FAILURE") for number in range(8)]
    assert {(body["progress"], body["imageUrl"]) for body in endings} == {("", None)}
    assert {"任务超时", "可能包含敏感词"} < {body["failReason"] for body in endings}
    assert not any(status == "SUCCESS" for n in range(8) for status, _ in receiver.steps(f"f{n}"))


def test_a_slow_answer_comes_after_the_callbacks(simulate, receiver):
    gateway = simulate(vices={"slow_answer": 0.5})
    task_id = gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    assert receiver.got("a")[0]["id"] == task_id


def test_an_answer_can_wait_for_the_first_callback(simulate, receiver):
    gateway = simulate(vices={"answer_after_callback": 1.0}, grid_seconds=600)
    task_id = gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    assert [body["id"] for body in receiver.got("a")][:1] == [task_id]
    assert gateway.fetch(task_id)["status"] == "SUBMITTED"
    # Without a hook there is nothing to wait for.
    gateway.accepted("imagine", prompt="a cat")


def test_an_answer_can_wait_for_all_callbacks(simulate, receiver):
    simulate(settled=True).accepted("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    assert len(receiver.got("a")) == CHANGES


def test_a_submission_that_is_never_answered_is_worked_on(simulate, receiver):
    gateway = simulate(vices={"never_answer": 1.0})
    with pytest.raises(httpx.ReadTimeout):
        gateway.http.post("/mj/submit/imagine", json={"prompt": "a cat", "notifyHook": receiver.hook("a")}, timeout=0.2)
    assert receiver.wait_for("a", "SUCCESS")
    counts = gateway.counts()
    assert (counts["submissions"], counts["unanswered"]) == (1, 1)


def test_a_waiting_client_is_sent_away_at_the_shutdown(simulate):
    gateway = simulate(vices={"never_answer": 1.0}, grid_seconds=600)
    with ThreadPoolExecutor(1) as pool, httpx.Client(trust_env=False, verify=False, timeout=10) as client:
        waiting = pool.submit(client.post, f"{gateway.url}/mj/submit/imagine", json={"prompt": "a cat"})
        gateway.until(lambda: gateway.counts()["unanswered"] == 1)
        gateway.served.join()
        assert waiting.result(10).status_code == 503


def test_a_broken_connection_leaves_the_client_in_doubt(simulate, receiver):
    gateway = simulate(vices={"hang_up": 1.0})
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.submit("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    assert receiver.wait_for("a", "SUCCESS")
    assert gateway.counts()["unanswered"] == 1


def test_a_forgotten_task_is_unknown_and_silent(simulate, receiver):
    gateway = simulate(settled=True, vices={"forget": 1.0})
    task_id = gateway.accepted("imagine", prompt="a cat", notifyHook=receiver.hook("a"))
    assert receiver.steps("a") == [("SUBMITTED", "0%")]
    answer = gateway.http.get(f"/mj/task/{task_id}/fetch")
    assert (answer.status_code, answer.content) == (200, b"")
    refused = gateway.submit("change", taskId=task_id, action="UPSCALE", index=1).json()
    assert (refused["code"], refused["description"]) == (3, "关联任务不存在或已失效")
    assert gateway.counts()["forgotten"] == 1


def test_a_result_can_be_a_number(simulate):
    gateway = simulate("kuaiwenwen", vices={"numeric_result": 1.0}, grid_seconds=60)
    result = gateway.submit("imagine", prompt="a cat").json()["result"]
    assert isinstance(result, int)
    assert gateway.fetch(str(result))["id"] == str(result)


def test_a_run_is_repeatable_by_its_seed(simulate, receiver):
    def run(name, seed):
        gateway = simulate(
            settled=True, seed=seed, vices={"drop": 0.3, "duplicate": 0.3, "fail": 0.3, "queue_full": 0.3}
        )
        outcomes = []
        for number in range(6):
            hook = f"{name}{number}"
            code = gateway.submit("imagine", prompt="猫", notifyHook=receiver.hook(hook)).json()["code"]
            outcomes.append((code, sorted(receiver.steps(hook))))
        return outcomes

    assert run("first", 5) == run("second", 5)
    assert run("third", 6) != run("fourth", 5)

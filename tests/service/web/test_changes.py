"""Tags, and what is asked for once more."""

from typing import Any

import pytest


def fail(ringback: Any, **claims: Any) -> Any:
    task = ringback.open(tags=["a"], state="s", then=["U1"])
    assert ringback.call_back(task["id"], "FAILURE", **{"failReason": "执行超时"} | claims).status_code == 200
    return ringback.task(task["id"])


def test_what_failed_is_asked_for_once_more_in_its_chain(ringback: Any) -> None:
    failed = fail(ringback)
    answer = ringback.post(f"/v1/tasks/{failed['id']}/resubmit", {"origin": "cli"})
    assert answer.status_code == 202
    retry = answer.json()
    assert (retry["retry_of"], retry["attempt"], retry["root_id"]) == (failed["id"], 2, failed["id"])
    assert (retry["parent_id"], retry["depth"], retry["origin"]) == (None, 0, "cli")
    assert all(retry[name] == failed[name] for name in ("action", "prompt", "params", "tags", "state", "gateway"))
    assert ringback.gateway.wait_for(retry["id"])["prompt"] == ringback.gateway.wait_for(failed["id"])["prompt"]
    ringback.succeed(retry["id"])
    page = ringback.get(f"/v1/tasks/{failed['id']}/chain").json()
    assert [task["button"] for task in page["tasks"]] == [None, None, "U1"]
    chain = page["chain"]
    assert (chain["root_id"], chain["tasks"], chain["succeeded"]) == (failed["id"], 3, {"IMAGINE": 1})
    assert (chain["failed"], chain["retried"]) == ({}, {"IMAGINE": 1})
    assert chain["pictures"][0]["task_id"] == retry["id"]


def test_a_second_asker_gets_the_first_ones_task_and_nothing_is_spent(ringback: Any) -> None:
    failed = fail(ringback)
    path = f"/v1/tasks/{failed['id']}/resubmit"
    first, again = ringback.post(path), ringback.post(path)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]


def test_a_key_makes_one_of_two_requests(ringback: Any) -> None:
    path = f"/v1/tasks/{fail(ringback)['id']}/resubmit"
    answers = [ringback.post(path, {}, **{"Idempotency-Key": path}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()


def test_a_person_may_ask_again_for_what_was_moderated(ringback: Any) -> None:
    failed = fail(ringback, failReason="可能包含敏感词")
    assert failed["fail_kind"] == "moderation"
    assert ringback.post(f"/v1/tasks/{failed['id']}/resubmit").status_code == 202


def test_what_has_not_ended_badly_is_not_asked_for_again(ringback: Any) -> None:
    for task in (ringback.open(), ringback.grid()):
        answer = ringback.post(f"/v1/tasks/{task['id']}/resubmit")
        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("Only what ended badly or is lost is asked for once more; it is ")


def test_what_was_submitted_elsewhere_is_not_asked_for_again_where_nobody_knows_how(start_ringback: Any) -> None:
    row = {"id": "1741531570000777", "status": "FAILURE", "action": "UPSCALE", "failReason": "x"}
    with start_ringback() as ringback:
        ringback.gateway.rows.append(row)
        (adopted,) = ringback.post("/v1/tasks/adopt", {"ids": [row["id"]]}).json()["adopted"]
        answer = ringback.post(f"/v1/tasks/{adopted['task_id']}/resubmit")
    assert (answer.status_code, "submitted elsewhere" in answer.json()["detail"]) == (409, True)


def test_tags_are_added_and_removed(ringback: Any) -> None:
    task = ringback.open(tags=["a", "b"])
    path = f"/v1/tasks/{task['id']}/tags"
    assert ringback.post(path, {"add": ["猫", "b"], "remove": ["a", "none"]}).json()["tags"] == ["b", "猫"]
    assert ringback.task(task["id"])["tags"] == ["b", "猫"]
    assert [each["id"] for each in ringback.get("/v1/tasks", tag="猫").json()["tasks"]] == [task["id"]]
    assert ringback.post(path, {}).json()["tags"] == ["b", "猫"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"add": ["a"], "remove": ["a"]}, "add: 'a' is to be removed, too"),
        ({"add": [""]}, "add: a tag has 1 to 64 characters, and no control character among them, found ''"),
        ({"add": ["a", "x" * 65]}, "add: a tag has 1 to 64 characters"),
        ({"add": ["a\0b", "c\td"]}, r"among them, found 'a\x00b'; add: a tag has"),
        ({"add": ["\x85"]}, r"found '\x85'"),
        ({"add": [7]}, "add: expected text, found a whole number"),
        ({"tags": ["a"]}, "There is no field `tags`"),
    ],
)
def test_wrong_tags_are_told(ringback: Any, body: dict[str, Any], says: str) -> None:
    answer = ringback.post(f"/v1/tasks/{ringback.open()['id']}/tags", body)
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.text


def test_more_tags_than_a_task_can_have_are_refused(ringback: Any) -> None:
    path = f"/v1/tasks/{ringback.open()['id']}/tags"
    assert ringback.post(path, {"add": [f"a{number}" for number in range(32)]}).status_code == 200
    answer = ringback.post(path, {"add": [f"b{number}" for number in range(32)]})
    assert (answer.status_code, answer.json()["detail"]) == (422, "A task has 50 tags at most.")


def test_a_task_that_is_none_is_404(ringback: Any) -> None:
    assert ringback.post("/v1/tasks/8999999999999999/tags", {"add": ["a"]}).status_code == 404
    assert ringback.post("/v1/tasks/8999999999999999/resubmit").status_code == 404

"""People are told what a rule wants them to know: at least once, some day, and none of them waits for another."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from hooks.backoff import NOTICE_PAUSES
from service.effects.notifier import GONE, Notifier
from storage.effects import LEASE
from storage.errors import LedgerUnavailable
from storage.ledger import record
from storage.records import Progress
from storage.submissions import list_submissions

pytestmark = pytest.mark.fault

SECRET = "/hook/sk-Geheim"


def make_notifier(house: Any, server: Any, **options: Any) -> Notifier:
    """Addresses are paths of the server, but for those that are not in the file any more."""

    def find_url(address: str) -> str | None:
        return None if address == "gone" else f"{server.url}/{address}{SECRET}"

    return Notifier(house.store, house.client, find_url, **options)


def test_a_webhook_is_told_what_the_rule_says_about_the_task_as_it_was(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"")
            task = await house.notify(title="完成", text="一只猫 {prompt} ${KEY}\0")
            (submission,) = await house.store.read(list_submissions, task.id)
            later = Progress(gateway_id=task.id, status="SUCCESS", progress=100, image_url="https://x/1.png")
            await house.store.write(record, task.id, submission.nonce, later, "fetch")
            notifier = make_notifier(house, server)
            (effect,) = await house.finish(notifier)
            assert (effect.state, effect.attempts, effect.detail) == ("done", 1, None)
            assert server.asked == [f"/a{SECRET}"]
            told = json.loads(server.bodies[0])
            assert told.pop("id").startswith("ntf_")
            assert told == {
                "firing": effect.firing_id,
                "chain": None,
                "title": "完成",
                "text": "一只猫 {prompt} ${KEY}",
                "rule": "cats",
                "event": "task.succeeded",
                "task": {
                    "id": task.id,
                    "root_id": task.id,
                    "parent_id": None,
                    "gateway": "g",
                    "action": "UPSCALE",
                    "status": "SUCCESS",
                    "prompt": "一只猫",
                    "tags": [],
                    "state": None,
                    "image_url": None,
                    "video_urls": [],
                    "fail_reason": None,
                    "fail_kind": None,
                },
            }

    run(scenario())


def test_a_message_without_a_title_says_which_rule_sent_it(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"")
            await house.notify()
            await house.finish(make_notifier(house, server))
            assert json.loads(server.bodies[0])["title"] == "Ringback: cats"

    run(scenario())


@pytest.mark.parametrize(
    ("status", "attempts"), [("404 Not Found", 1), ("400 X", 1), ("429 X", 10), ("408 X", 10), ("503 X", 10)]
)
def test_attempts_have_an_end_and_a_refusal_a_sooner_one(
    status: str, attempts: int, run: Any, open_house: Any, answer: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"", status=status)
            notifier = make_notifier(house, server)
            await house.notify()
            for attempt in range(1, attempts + 1):
                (effect,) = await house.finish(notifier)
                assert effect.attempts == attempt == len(server.asked)
                assert status[:3] in (effect.detail or "")
                if attempt < attempts:
                    assert effect.state == "planned"
                    assert await notifier.step() == NOTICE_PAUSES[attempt - 1]
                    house.clock.now += NOTICE_PAUSES[attempt - 1]
            assert effect.state == "failed"
            assert await notifier.step() is None
            assert len(set(server.bodies)) == 1, "the same message each time"

    run(scenario())


def test_an_address_that_is_in_no_rule_any_more_is_waited_for_a_while(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers["/a"] = answer(b"")
            known: set[str] = set()
            notifier = Notifier(
                house.store, house.client, lambda each: f"{server.url}/a" if each in known else None, pauses=(10, 20)
            )
            for address in ("back", "back", "gone"):
                await house.notify(address)
            effects = await house.finish(notifier)
            assert {(effect.state, effect.detail) for effect in effects} == {("planned", GONE)}
            assert [effect.attempts for effect in effects] == [1, 1, 1], "nobody was called: they wait for no other"
            known.add("back")
            house.clock.now += 10
            effects = await house.finish(notifier)
            assert [effect.state for effect in effects] == ["done", "done", "planned"]
            house.clock.now += 20
            effect = (await house.finish(notifier))[-1]
            assert (effect.state, effect.attempts, effect.detail) == ("failed", 3, GONE)

    run(scenario())


def test_a_url_that_changed_meanwhile_is_the_new_one(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers["/new"] = answer(b"")
            paths = iter(["/old", "/new"])
            notifier = Notifier(house.store, house.client, lambda address: server.url + next(paths))
            server.answers["/old"] = answer(b"", status="503 X")
            await house.notify()
            await house.finish(notifier)
            house.clock.now += NOTICE_PAUSES[0]
            (effect,) = await house.finish(notifier)
            assert effect.state == "done"
            assert server.asked == ["/old", "/new"]

    run(scenario())


def test_a_slow_address_keeps_no_other_waiting(run: Any, open_house: Any, answer: Any) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers |= {f"/slow{SECRET}": hang, f"/quick{SECRET}": answer(b"")}
            notifier = make_notifier(house, server)
            for _ in range(20):
                await house.notify("slow")
            for _ in range(3):
                await house.notify("quick")
            with house.store.bell.listen("effects") as listener:
                while [effect.state for effect in (await house.effects())[20:]] != ["done"] * 3:
                    await notifier.step()
                    await listener.wait(1)
            assert server.asked.count(f"/slow{SECRET}") == 1, "one at a time"
            await notifier.close()
            assert {effect.state for effect in (await house.effects())[:20]} == {"planned"}

    run(scenario())


def test_what_waits_for_an_address_that_failed_loses_no_attempt(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"", status="503 X")
            notifier = make_notifier(house, server)
            for _ in range(20):
                await house.notify()
            effects = await house.finish(notifier)
            assert len(server.asked) == 1
            assert [effect.attempts for effect in effects] == [1] + [0] * 19
            assert {effect.state for effect in effects} == {"planned"}
            server.answers[f"/a{SECRET}"] = answer(b"")
            house.clock.now += NOTICE_PAUSES[0]
            assert {effect.state for effect in await house.finish(notifier)} == {"done"}
            assert len(server.asked) == 21

    run(scenario())


def test_an_address_that_goes_on_failing_is_called_less_often_until_it_takes_one(
    run: Any, open_house: Any, answer: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"", status="503 X")
            notifier = make_notifier(house, server, rests=(10, 30))
            for _ in range(9):
                await house.notify()
            for rest in (10, 30, 30):
                await house.finish(notifier)
                assert await notifier.step() == rest
                house.clock.now += rest
            assert len(server.asked) == 3
            server.answers[f"/a{SECRET}"] = answer(b"")
            await house.finish(notifier)
            server.answers[f"/a{SECRET}"] = answer(b"", status="503 X")
            await house.notify()
            await house.finish(notifier)
            assert await notifier.step() == 10, "it begins anew"
            house.clock.now -= 3600
            server.answers[f"/a{SECRET}"] = answer(b"")
            await house.notify()
            assert (await house.finish(notifier))[-1].state == "done", "a clock that stepped back lengthens no rest"

    run(scenario())


def test_a_message_that_is_never_taken_holds_up_none_of_the_others(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):

            async def read(writer: asyncio.StreamWriter) -> None:
                if b"poison" not in server.bodies[-1]:  # to that one it never answers
                    writer.write(answer(b""))
                    await writer.drain()

            server.answers[f"/a{SECRET}"] = read
            notifier = make_notifier(house, server)
            await house.notify(text="poison")
            for _ in range(20):
                await house.notify()
            await house.finish(notifier)
            for attempt in range(2, len(NOTICE_PAUSES) + 2):
                house.clock.now += NOTICE_PAUSES[attempt - 2]
                poison, *others = await house.finish(notifier)
                assert {(effect.state, effect.attempts) for effect in others} == {("done", 1)}
                assert poison.attempts == attempt
            assert poison.state == "failed"

    run(scenario())


def test_a_message_that_takes_longer_than_its_lease_is_sent_once(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            go_on = asyncio.Event()

            async def dally(writer: asyncio.StreamWriter) -> None:
                await go_on.wait()
                writer.write(answer(b""))
                await writer.drain()

            server.answers[f"/a{SECRET}"] = dally
            notifier = make_notifier(house, server)
            for _ in range(2):
                await house.notify()
            await notifier.step()
            house.clock.now += LEASE / 1000
            assert await notifier.step() is None, "who waits behind it is told of by the bell"
            go_on.set()
            effects = await house.finish(notifier)
            assert [(effect.state, effect.attempts) for effect in effects] == [("done", 1)] * 2
            assert len(server.asked) == 2

    run(scenario())


def test_a_refusal_of_one_message_is_none_of_the_next(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"", status="413 X")
            for _ in range(2):
                await house.notify()
            effects = await house.finish(make_notifier(house, server))
            assert [effect.state for effect in effects] == ["failed", "failed"]
            assert len(server.asked) == 2

    run(scenario())


def test_messages_to_one_address_come_in_order(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"")
            for number in range(10):
                await house.notify(text=str(number))
            await house.finish(make_notifier(house, server))
            assert [json.loads(body)["text"] for body in server.bodies] == [str(number) for number in range(10)]

    run(scenario())


def test_a_message_that_a_crash_cut_off_is_sent_again(run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            asked = asyncio.Event()

            async def hang(writer: asyncio.StreamWriter) -> None:
                asked.set()
                await asyncio.Event().wait()

            server.answers[f"/a{SECRET}"] = hang
            first = make_notifier(house, server)
            await house.notify()
            await first.step()
            await asked.wait()
            await first.close()
            server.answers[f"/a{SECRET}"] = answer(b"")
            second = make_notifier(house, server)
            assert await second.step() == LEASE / 1000
            house.clock.now += LEASE / 1000
            (effect,) = await house.finish(second)
            assert (effect.state, effect.attempts) == ("done", 2)

    run(scenario())


def test_an_outcome_that_cannot_be_written_is_not_lost(
    run: Any, open_house: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"")
            notifier = make_notifier(house, server)
            await house.notify()

            def refuse(*_: Any, **__: Any) -> None:
                raise LedgerUnavailable("the disk is full")

            monkeypatch.setattr("service.effects.errands.finish_effect", refuse)
            (effect,) = await house.finish(notifier)
            assert effect.state == "planned"
            monkeypatch.undo()
            house.clock.now += LEASE / 1000
            (effect,) = await house.finish(notifier)
            assert (effect.state, len(server.asked)) == ("done", 2)

    run(scenario())


@pytest.mark.parametrize("status", ["200 OK", "500 Geheim", "404 Geheim"])
def test_no_log_and_no_detail_shows_the_url(status: str, run: Any, open_house: Any, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers[f"/a{SECRET}"] = answer(b"sk-Geheim", status=status)
            await house.notify()
            with capture_logs() as lines:
                (effect,) = await house.finish(make_notifier(house, server))
            assert lines
            assert "Geheim" not in str(lines) + str(effect)

    run(scenario())


def test_a_mistake_of_ours_is_a_failure_that_says_so_and_shows_nothing(run: Any, open_house: Any) -> None:
    def blunder(address: str) -> str:
        raise KeyError(SECRET)

    async def scenario() -> None:
        async with open_house() as (house, _server):
            await house.notify()
            with capture_logs() as lines:
                (effect,) = await house.finish(Notifier(house.store, house.client, blunder))
            assert (effect.state, effect.detail) == ("planned", "it failed with KeyError")
            assert "Geheim" not in str(lines)

    run(scenario())

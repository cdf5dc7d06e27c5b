"""The subscriber of the tests keeps honest books: what rests on them could not fail otherwise."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

from tests.sink import Sink

SECRET = "whsec_" + "c2VjcmV0" * 5
Run = Callable[..., Any]


def write(msg_id: str, body: str, *, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign(msg_id, now, body)
    return {"webhook-id": msg_id, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


def test_the_books_tell_order_repeats_and_changed_bytes(run: Run) -> None:
    async def scenario() -> None:
        async with Sink(secrets=[SECRET]) as sink, httpx.AsyncClient(trust_env=False) as client:
            for msg_id, body, path in (
                ("a", '{"data": {"task_id": "8"}}', "/vice/fail"),
                ("b", '{"data": {"task_id": "8"}}', ""),
                ("a", '{"data": {"task_id": "8"}}', ""),
                ("a", '{"data": {"task_id":"8"}}', ""),
            ):
                await client.post(sink.url + path, content=body, headers=write(msg_id, body))
            forged = write("c", "{}", secret="whsec_" + "AAAA" * 8)
            assert (await client.post(sink.url, content="{}", headers=forged)).status_code == 401
            books = (await client.get(f"{sink.url}/books")).json()
        assert books["orders"] == {"8": ["b", "a"]}
        attempts = books["entries"]["a"]["attempts"]
        assert [(attempt["answer"], attempt["same"]) for attempt in attempts] == [
            *(("fail", True), ("taken", True), ("taken", False)),
        ]
        assert (books["entries"]["c"]["taken"], books["attempts"]) == (0, 5)

    run(scenario())


def test_its_vices_are_a_share_of_all_and_can_be_dropped(run: Run) -> None:
    async def statuses(seed: int) -> list[int]:
        async with Sink(vices={"fail": 0.5}, seed=seed) as sink, httpx.AsyncClient(trust_env=False) as client:
            told = [(await client.post(sink.url)).status_code for _ in range(20)]
            await client.put(f"{sink.url}/vices", json={})
            assert (await client.post(sink.url)).status_code == 204
            return told

    async def scenario() -> None:
        first, again, other = await asyncio.gather(statuses(1), statuses(1), statuses(2))
        assert set(first) == {204, 500}
        assert first == again != other

    run(scenario())


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.sink", "--secret", SECRET, "--vice", "gone=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with httpx.Client(trust_env=False) as client:
                assert client.post(url, content="{}", headers={"webhook-id": "a"}).status_code == 410
                entry = client.get(f"{url}/books").json()["entries"]["a"]
            assert entry["body"] == "{}"
            assert abs(entry["attempts"][0]["time"] - time.time()) < 60
        finally:
            process.terminate()

"""Workers under their supervisor: one that fails is told of and tried again, and others go on."""

import asyncio
from typing import Any

import pytest
import structlog

from service.workers import Supervisor, Worker
from storage.bell import Bell


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.workers.FIRST_RETRY", 0.01)
    monkeypatch.setattr("service.workers.LONGEST_RETRY", 0.04)


class Step:
    """A step that can be made to fail, and that says when it ran."""

    def __init__(self, pause: float | None = None) -> None:
        self.pause = pause
        self.error: BaseException | None = None
        self.ran = asyncio.Event()
        self.moments: list[float] = []

    async def __call__(self) -> float | None:
        self.moments.append(asyncio.get_running_loop().time())
        self.ran.set()
        if self.error is not None:
            raise self.error
        return self.pause

    async def runs(self, times: int = 1) -> None:
        for _ in range(times):
            self.ran.clear()
            await self.ran.wait()


def test_a_step_runs_again_after_its_pause_or_when_the_bell_rings(run_async: Any) -> None:
    async def scenario() -> None:
        bell, often, rung = Bell(), Step(0.01), Step()
        supervisor = Supervisor(
            bell, [Worker(name="often", step=often), Worker(name="rung", step=rung, topics=("events",))]
        )
        supervisor.start()
        await often.runs(3)
        assert len(rung.moments) == 1
        bell.ring(("submissions",))
        await often.runs(2)
        assert len(rung.moments) == 1
        bell.ring(("events",))
        await rung.runs()
        await supervisor.stop()
        count = len(often.moments)
        await asyncio.sleep(0.03)
        assert len(often.moments) == count

    run_async(scenario())


def test_a_ring_during_a_step_is_not_missed(run_async: Any) -> None:
    async def scenario() -> None:
        bell = Bell()
        runs = 0
        second = asyncio.Event()

        async def step() -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                bell.ring(("events",))
            else:
                second.set()

        supervisor = Supervisor(bell, [Worker(name="w", step=step, topics=("events",))])
        supervisor.start()
        await second.wait()
        await supervisor.stop()

    run_async(scenario())


def test_a_failing_worker_is_told_of_and_retried_while_others_go_on(run_async: Any) -> None:
    async def scenario() -> None:
        broken, sound = Step(0.005), Step(0.005)
        broken.error = ValueError("no such luck")
        supervisor = Supervisor(Bell(), [Worker(name="broken", step=broken), Worker(name="sound", step=sound)])
        supervisor.start()
        await broken.runs(2)
        assert supervisor.failing == {"broken": "ValueError: no such luck"}
        before = len(sound.moments)
        await sound.runs(3)
        assert len(sound.moments) >= before + 3
        broken.error = None
        await broken.runs(2)
        assert supervisor.failing == {}
        await supervisor.stop()

    run_async(scenario())


def test_retries_become_rarer_up_to_a_limit_and_begin_anew_after_a_success(run_async: Any) -> None:
    async def scenario() -> None:
        step = Step(0.001)
        step.error = RuntimeError("x")
        supervisor = Supervisor(Bell(), [Worker(name="w", step=step)])
        with structlog.testing.capture_logs() as logs:
            supervisor.start()
            await step.runs(5)
            step.error = None
            await step.runs(2)
            step.error = RuntimeError("y")
            await step.runs(2)
            await supervisor.stop()
        assert [line["retry_in"] for line in logs][:4] == [0.01, 0.02, 0.04, 0.04]
        assert logs[-1]["retry_in"] < 0.04
        assert {(line["event"], line["worker"]) for line in logs} == {("worker failed", "w")}

    run_async(scenario())


def test_a_stop_cuts_off_a_step_that_hangs(run_async: Any) -> None:
    async def scenario() -> None:
        started = asyncio.Event()

        async def hang() -> None:
            started.set()
            await asyncio.Event().wait()

        supervisor = Supervisor(Bell(), [Worker(name="hanging", step=hang)])
        supervisor.start()
        await started.wait()
        await supervisor.stop()

    run_async(scenario())

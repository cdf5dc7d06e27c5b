"""A picture that a rule wants is kept, whatever servers, links and disks do; and it is told why when it is not."""

import asyncio
import errno
import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.backoff import DOWNLOAD_PAUSES
from service.effects.downloader import EACH, GONE_ATTEMPTS, Downloader
from storage.effects import LEASE
from tests.disks import small_disk

pytestmark = pytest.mark.fault

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
BOMB = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(PNG + bytes(10**7))
QUERY = "?token=sk-Geheim"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def files(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def scene(run: Any, open_house: Any, folder: Path, answers: dict[str, Any], **options: Any) -> Any:
    """One download of /cat.png; gives its effect after one attempt, and the server."""

    async def scenario() -> Any:
        async with open_house() as (house, server):
            server.answers |= answers
            downloader = Downloader(house.store, house.client, folder, **options)
            await house.download(f"{server.url}/cat.png{QUERY}")
            (effect,) = await house.finish(downloader)
            await downloader.close()
            assert "Geheim" not in (effect.detail or "")
            return effect, server

    return run(scenario())


def test_a_picture_is_kept(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    effect, server = scene(run, open_house, folder, {f"/cat.png{QUERY}": answer(PNG, "Content-Type: text/html")})
    assert (effect.state, effect.detail, effect.attempts) == ("done", None, 1)
    assert files(folder) == {"shop/1.png": PNG}
    assert server.asked == [f"/cat.png{QUERY}"]


def test_where_another_file_stands_the_effect_says_what_the_picture_is_called(
    run: Any, open_house: Any, folder: Path, answer: Any
) -> None:
    (folder / "shop").mkdir(parents=True)
    (folder / "shop/1.png").write_bytes(b"a stranger's")
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": answer(PNG)})
    assert effect.state == "done"
    assert effect.detail == f"shop/1-{effect.task_id}.png"
    assert files(folder) == {"shop/1.png": b"a stranger's", effect.detail: PNG}


def test_a_few_redirects_are_followed(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    answers = {
        f"/cat.png{QUERY}": answer(b"", "Location: /b?Geheim", status="302 Found"),
        "/b?Geheim": answer(b"", "Location: /c?Geheim", status="307 Temporary Redirect"),
        "/c?Geheim": answer(PNG),
    }
    effect, _ = scene(run, open_house, folder, answers)
    assert effect.state == "done"
    assert files(folder) == {"shop/1.png": PNG}


def test_a_redirect_leads_to_no_forbidden_place(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    away = answer(b"", "Location: http://169.254.169.254/latest/meta-data/", status="302 Found")
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": away})
    assert "a cloud's metadata is there" in effect.detail
    assert files(folder) == {}


def test_redirects_have_an_end(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    round_about = answer(b"", f"Location: /cat.png{QUERY}", status="302 Found")
    effect, server = scene(run, open_house, folder, {f"/cat.png{QUERY}": round_about})
    assert "sends us on to another address" in effect.detail
    assert len(server.asked) == 4


async def _dawdle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
    await writer.drain()
    await asyncio.Event().wait()


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0)


async def _flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
    while True:
        writer.write(bytes(65536))
        await writer.drain()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        ("404 Not Found", b"", "127.0.0.1 answers HTTP 404 Not Found"),
        ("403 Geheim", b"", "127.0.0.1 answers HTTP 403 Forbidden"),
        ("500 X", b"", "127.0.0.1 answers HTTP 500 Internal Server Error"),
        ("200 OK", b"<!doctype html>", "what came is neither a picture nor a video"),
    ],
)
def test_a_picture_that_is_not_there_is_asked_for_again(
    status: str, body: bytes, says: str, run: Any, open_house: Any, folder: Path, answer: Any
) -> None:
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": answer(body, status=status)})
    assert (effect.state, effect.detail, effect.attempts) == ("planned", says, 1)
    assert files(folder) == {}, "nothing half is left"


@pytest.mark.parametrize(
    ("talk", "options", "says"),
    [
        (_dawdle, {"deadline": 0.2}, "127.0.0.1 did not give the picture in time"),
        (_drip, {"deadline": 0.2}, "127.0.0.1 did not give the picture in time"),
        (BOMB, {"largest": 10**6}, "127.0.0.1 packs what it was asked to send as it is"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + PNG, {}, "127.0.0.1 broke off, or does not speak HTTP"),
        (b"", {}, "127.0.0.1 broke off, or does not speak HTTP"),
    ],
)
def test_half_a_picture_is_none(talk: Any, options: Any, says: str, run: Any, open_house: Any, folder: Path) -> None:
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": talk}, **options)
    assert (effect.state, effect.detail) == ("planned", says)
    assert files(folder) == {}


@pytest.mark.parametrize("talk", [_flood, b"HTTP/1.1 200 OK\r\nContent-Length: 107374182400\r\n\r\n"])
def test_what_is_too_large_is_given_up(talk: Any, run: Any, open_house: Any, folder: Path) -> None:
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": talk}, largest=3 * 1024**2)
    assert (effect.state, effect.detail) == ("failed", "it has more than 3 MiB")
    assert files(folder) == {}


def test_a_file_may_be_as_large_as_is_allowed(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    largest = PNG + bytes(3 * 1024**2 - len(PNG))
    scene(run, open_house, folder, {f"/cat.png{QUERY}": answer(largest)}, largest=len(largest))
    assert files(folder) == {"shop/1.png": largest}


@pytest.mark.parametrize(("status", "attempts"), [("404", GONE_ATTEMPTS), ("403", GONE_ATTEMPTS), ("503", 8)])
def test_attempts_have_an_end_and_a_dead_link_a_sooner_one(
    status: str, attempts: int, run: Any, open_house: Any, folder: Path, answer: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers["/cat.png"] = answer(b"", status=f"{status} X")
            downloader = Downloader(house.store, house.client, folder)
            await house.download(f"{server.url}/cat.png")
            for attempt in range(1, attempts + 1):
                (effect,) = await house.finish(downloader)
                assert effect.attempts == attempt == len(server.asked)
                if attempt < attempts:
                    assert effect.state == "planned"
                    assert await downloader.step() == DOWNLOAD_PAUSES[attempt - 1]
                    house.clock.now += DOWNLOAD_PAUSES[attempt - 1]
            assert effect.state == "failed"
            assert status in (effect.detail or "")
            assert await downloader.step() is None

    run(scenario())


def test_a_later_attempt_keeps_the_picture(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            downloader = Downloader(house.store, house.client, folder)
            await house.download(f"{server.url}/cat.png")
            await house.finish(downloader)
            server.answers["/cat.png"] = answer(PNG)
            house.clock.now += DOWNLOAD_PAUSES[0]
            (effect,) = await house.finish(downloader)
            assert (effect.state, effect.attempts, effect.detail) == ("done", 2, None)

    run(scenario())
    assert files(folder) == {"shop/1.png": PNG}


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the disk is full"), (errno.EACCES, "Permission denied")],
)
def test_a_disk_that_takes_nothing_may_do_so_later(
    number: int, says: str, run: Any, open_house: Any, folder: Path, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("service.effects.gallery.os.fsync", refuse)
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": answer(PNG)})
    assert (effect.state, effect.detail) == ("planned", f"it could not be written: {says}")
    assert files(folder) == {}, "a full disk is not filled with halves"


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """The folder of downloads on a disk of 2 MB."""
    folder.mkdir()
    with small_disk(folder, 2):
        yield folder


def test_a_disk_that_becomes_full_in_the_middle_keeps_no_half_and_takes_a_smaller_one(
    run: Any, open_house: Any, disk: Path, answer: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers |= {"/large.png": answer(PNG + bytes(3 * 1024**2)), "/cat.png": answer(PNG)}
            downloader = Downloader(house.store, house.client, disk)
            await house.download(f"{server.url}/large.png", "large.png")
            (large,) = await house.finish(downloader)
            assert (large.state, large.detail) == ("planned", "it could not be written: the disk is full")
            await house.download(f"{server.url}/cat.png", "cat.png")
            assert (await house.finish(downloader))[-1].state == "done"

    run(scenario())
    assert files(disk) == {"cat.png": PNG}


def test_a_file_in_the_place_of_the_folder_is_told(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    folder.write_text("a letter")
    effect, _ = scene(run, open_house, folder, {f"/cat.png{QUERY}": answer(PNG)})
    assert effect.detail == "it could not be written: File exists"


def test_a_slow_picture_keeps_no_other_waiting(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers |= {"/slow.png": _dawdle, "/cat.png": answer(PNG)}
            downloader = Downloader(house.store, house.client, folder)
            await house.download(f"{server.url}/slow.png", "slow.png")
            await downloader.step()
            await house.download(f"{server.url}/cat.png", "cat.png")
            with house.store.bell.listen("effects") as listener:
                while (await house.effects())[1].state != "done":
                    await downloader.step()
                    await listener.wait(1)
            assert downloader.busy
            await downloader.close()
            assert (await house.effects())[0].state == "planned"

    run(scenario())
    assert files(folder) == {"cat.png": PNG}, "what was cut off has left nothing"


def test_only_some_pictures_are_fetched_at_once(run: Any, open_house: Any, folder: Path) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers |= {f"/{number}.png": _dawdle for number in range(5)}
            downloader = Downloader(house.store, house.client, folder, in_flight=2)
            for number in range(5):
                await house.download(f"{server.url}/{number}.png", f"{number}.png")
            await downloader.step()
            assert await downloader.step() is None
            assert [effect.attempts for effect in await house.effects()] == [1, 1, 0, 0, 0]
            await downloader.close()

    run(scenario())


def test_a_slow_host_leaves_room_for_others(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers |= {"/slow.png": _dawdle, "/cat.png": answer(PNG)}
            downloader = Downloader(house.store, house.client, folder)
            for number in range(9):
                await house.download(f"{server.url}/slow.png", f"{number}.png")
            await house.download(f"{server.elsewhere}/cat.png", "cat.png")
            with house.store.bell.listen("effects") as listener:
                while (await house.effects())[-1].state != "done":
                    await downloader.step()
                    await listener.wait(1)
            assert [effect.attempts for effect in await house.effects()] == [1] * EACH + [0] * (9 - EACH) + [1]
            await downloader.close()

    run(scenario())


def test_hosts_take_turns(run: Any, open_house: Any, folder: Path, answer: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers |= {f"/{number}": answer(PNG) for number in range(8)}
            downloader = Downloader(house.store, house.client, folder, in_flight=1)
            for number in range(8):
                host = server.url if number < 4 else server.elsewhere
                await house.download(f"{host}/{number}", f"{number}.png")
            await house.finish(downloader)
            assert server.asked == [f"/{number}" for number in (0, 4, 1, 5, 2, 6, 3, 7)]

    run(scenario())


def test_a_picture_that_a_crash_cut_off_is_fetched_after_its_lease(
    run: Any, open_house: Any, folder: Path, answer: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers["/cat.png"] = _dawdle
            first = Downloader(house.store, house.client, folder)
            await house.download(f"{server.url}/cat.png")
            await first.step()
            await first.close()
            (folder / ".incoming").mkdir(parents=True, exist_ok=True)
            (folder / ".incoming/999.part").write_bytes(b"half of it")
            server.answers["/cat.png"] = answer(PNG)
            second = Downloader(house.store, house.client, folder)
            assert await second.step() == LEASE / 1000
            house.clock.now += LEASE / 1000
            (effect,) = await house.finish(second)
            assert effect.state == "done"

    run(scenario())
    assert files(folder) == {"shop/1.png": PNG}


def test_a_picture_that_takes_longer_than_its_lease_is_fetched_once(
    run: Any, open_house: Any, folder: Path, answer: Any
) -> None:
    go_on = asyncio.Event()

    async def dally(writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(answer(PNG))
        await writer.drain()

    async def scenario() -> None:
        async with open_house() as (house, server):
            server.answers["/cat.png"] = dally
            downloader = Downloader(house.store, house.client, folder)
            await house.download(f"{server.url}/cat.png")
            await downloader.step()
            house.clock.now += LEASE / 1000
            assert await downloader.step() is None
            go_on.set()
            (effect,) = await house.finish(downloader)
            assert (effect.state, effect.attempts, server.asked) == ("done", 1, ["/cat.png"])

    run(scenario())

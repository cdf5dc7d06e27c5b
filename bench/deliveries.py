"""How fast and how fairly events reach their subscribers: deliveries per second, and what dead subscribers cost others.

Method: subscribers are paths of a small server in a process of its own that answers 204 at once and writes down when
each letter came. Every letter is about a finished grid with its buttons, a few KB, signed. The ledger is on disk, with
`synchronous=FULL`; events are written through the ledger's own verbs, so a letter's way begins with their commit.

- Speed: events for 50 subscribers are in the ledger, and the courier is let go. Beside it, a bare loop sends the very
  same letters, ready made, over the same client, as many at once; the ratio is taken round by round.
- Fairness: events come one by one, evenly, at about half of what the machine can do; once with 45 healthy subscribers
  alone, once with 5 dead ones beside them, which accept a connection and never answer, or refuse it. A delay is the
  time from an event's commit to its arrival at a healthy subscriber.

What counts is the median over the rounds; which of two comes first alternates.

    python -m bench.deliveries [--rounds 3] [--events 100] [--rate 12] [--json]
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import msgspec
import uvloop

from bench.ingest import tell
from bench.rules import make_progress, new_folder
from bench.servers import CALLBACKS_PER_TASK
from hooks.clients import target_client
from hooks.courier import IN_FLIGHT, Courier
from hooks.mailroom import Mailroom
from hooks.recipient import Recipient, name_host
from hooks.seal import Sealer
from hooks.sender import send
from hooks.signature import make_secret
from hooks.targets import parse_allow_list
from service.logs import configure_logs
from service.subscriptions.audience import assemble
from service.workers import Supervisor, Worker
from storage.deliveries import list_deliveries
from storage.ledger import record
from storage.openings import open_task
from storage.outbox import read_parcels
from storage.queue import claim_due
from storage.records import NewTask
from storage.records_of_deliveries import Subscription
from storage.store import Store
from storage.submissions import acknowledge
from storage.subscriptions import add_subscription
from storage.transaction import to_json
from storage.webhook_secrets import add_secret

SUBSCRIBERS, DEAD = 50, 5
SOURCE = "https://ringback.example"
DEADLINE = 15.0  # seconds for an attempt, as it is in service
PATIENCE = 60.0  # seconds for all to arrive


class Door(asyncio.Protocol):
    """One connection to the subscribers' server. `arrivals`: when what came, at which path, under which webhook-id."""

    def __init__(self, arrivals) -> None:
        self.arrivals = arrivals

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        head, separator, body = self.pending.partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self.pending = b""
        path = lines[0].split(" ")[1]
        if path == "/arrivals":
            text = msgspec.json.encode(self.arrivals)
            self.arrivals.clear()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        elif not path.startswith("/hang"):
            self.arrivals.append((time.time(), path, headers["webhook-id"]))
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def open_doors() -> None:
    arrivals = []
    server = await asyncio.get_running_loop().create_server(lambda: Door(arrivals), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def subscribers():
    """Run the subscribers' server in a process of its own and give its URL."""
    process = subprocess.Popen([sys.executable, "-m", "bench.deliveries", "doors"], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@contextmanager
def closed_port():
    """A port at which nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and no `listen`: whoever connects is refused
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class House:
    """A ledger with subscribers, and a courier that may call this machine."""

    def __init__(self, store, client, sealer) -> None:
        self.store, self.client, self.sealer = store, client, sealer
        self.courier = Courier(store, client, open_sealed=sealer.open, source=SOURCE, deadline=DEADLINE)
        self._supervisor = Supervisor(
            store.bell, [Worker(name="courier", step=self.courier.step, topics=("deliveries",))]
        )

    async def subscribe(self, urls) -> None:
        for number, url in enumerate(urls):
            sealed = self.sealer.seal(to_json(Recipient(url=url)))
            subscription = Subscription(
                id=f"sub_{number:04d}",
                origin="api",
                host=name_host(url),
                sealed=sealed,
                events=("task.succeeded",),
                created_at=0,
                updated_at=0,
            )
            await self.store.write(add_subscription, subscription)
            await self.store.write(add_secret, subscription.id, self.sealer.seal(make_secret()))

    async def open_tasks(self, number: int) -> list:
        """Tasks that their gateway has."""
        for place in range(number):
            prompt = f"a red fox number {place}"
            await self.store.write(open_task, NewTask(gateway="g", action="IMAGINE", prompt=prompt, origin="api"))
        claims = await self.store.write(claim_due, gateway="g", limit=number)
        for place, claim in enumerate(claims):
            await self.store.write(acknowledge, claim.submission.id, f"17412310{place:08d}", "submit")
        return claims

    async def succeed(self, place: int, claim) -> None:
        """One event for everybody."""
        await self.store.write(
            record,
            claim.task.id,
            claim.submission.nonce,
            make_progress(place, claim, CALLBACKS_PER_TASK - 1),
            "callback",
        )

    def start(self) -> None:
        self._supervisor.start()

    async def stop(self) -> None:
        await self._supervisor.stop()
        await self.courier.close()

    async def collect(self, url: str, number: int) -> list[tuple[float, str, str]]:
        """Wait until so many letters have arrived, and give when each came first, with its path and id."""
        first, deadline = {}, time.monotonic() + PATIENCE
        while len(first) < number:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {len(first)} of {number} letters have arrived")
            await asyncio.sleep(0.05)
            for at, path, msg_id in (await self.client.get(f"{url}/arrivals")).json():
                first.setdefault((path, msg_id), at)
        return [(at, path, msg_id) for (path, msg_id), at in first.items()]


@asynccontextmanager
async def open_house():
    with new_folder() as folder:
        async with target_client(parse_allow_list("127.0.0.0/8")) as client:
            store = Store(Path(folder) / "ringback.db", assemble=assemble)
            store.start(asyncio.get_running_loop())
            house = House(store, client, Sealer(["bench-secret-0123456789"]))
            try:
                yield house
            finally:
                await house.stop()
                store.close()


async def time_courier(url: str, events: int) -> float:
    """Deliveries per second, of what was in the ledger before."""
    async with open_house() as house:
        await house.subscribe(f"{url}/{number}" for number in range(SUBSCRIBERS))
        for place, claim in enumerate(await house.open_tasks(events)):
            await house.succeed(place, claim)
        begin = time.time()
        house.start()
        arrived = await house.collect(url, events * SUBSCRIBERS)
        await house.stop()
        states = await house.store.read(
            lambda db: dict(db.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())
        )
        if states.get("delivered", 0) < 0.98 * events * SUBSCRIBERS:  # the last ones were cut off as they came in
            raise SystemExit(f"the ledger does not hold the run: {states}")
        return len(arrived) / (max(at for at, _, _ in arrived) - begin)


async def time_loop(url: str, events: int) -> float:
    """Letters per second of a loop that sends the same ones, ready made, and writes nothing down."""
    async with open_house() as house:
        await house.subscribe(f"{url}/{number}" for number in range(SUBSCRIBERS))
        for place, claim in enumerate(await house.open_tasks(events)):
            await house.succeed(place, claim)
        owed = await house.store.read(list_deliveries, limit=events * SUBSCRIBERS)
        parcels = await house.store.read(read_parcels, owed, now=house.store.now())
        mailroom = Mailroom(house.sealer.open, source=SOURCE)
        mails = iter([mailroom.prepare(parcel, int(time.time())) for parcel in parcels])

        async def work() -> None:
            for mail in mails:
                answer = await send(house.client, mail.opened.recipient.url, mail.headers, mail.body)
                if answer.error:
                    raise SystemExit(f"a letter was refused: {answer}")

        begin = time.time()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        seconds = time.time() - begin
        await house.collect(url, len(owed))
        return len(owed) / seconds


async def time_delays(url: str, refusing: str, events: int, rate: float, *, dead: int) -> tuple[float, float]:
    """The median and the 99th percentile (seconds) of what healthy subscribers wait for."""
    async with open_house() as house:
        healthy = [f"{url}/{number}" for number in range(SUBSCRIBERS - DEAD)]
        others = [f"{url}/hang/{place}" if place % 2 else f"{refusing}/{place}" for place in range(dead)]
        await house.subscribe([*others, *healthy])
        house.start()
        committed, begin = {}, time.monotonic()
        for place, claim in enumerate(await house.open_tasks(events)):
            await asyncio.sleep(max(0, begin + place / rate - time.monotonic()))
            await house.succeed(place, claim)
            committed[place] = time.time()
        arrived = await house.collect(url, events * len(healthy))
        await house.stop()
        ids = await house.store.read(
            lambda db: db.execute("SELECT seq, time FROM events WHERE type = 'task.succeeded' ORDER BY seq").fetchall()
        )
        place_of = {f"evt_{at:011x}{seq:x}": place for place, (seq, at) in enumerate(ids)}
        delays = sorted(at - committed[place_of[msg_id]] for at, _, msg_id in arrived)
        return statistics.median(delays), delays[int(len(delays) * 0.99)]


async def measure(arguments) -> None:
    def report(name: str, text: str, **figures) -> None:
        print(json.dumps({"name": name} | figures) if arguments.json else text, flush=True)

    with subscribers() as url, closed_port() as refusing:
        rounds = []
        for number in range(1, arguments.rounds + 1):
            tell(f"speed, round {number} of {arguments.rounds} …")
            runs = (time_courier, time_loop) if number % 2 else (time_loop, time_courier)
            rates = {run: await run(url, arguments.events) for run in runs}
            rounds.append((rates[time_courier], rates[time_loop]))
            tell(f" {rates[time_courier]:,.0f} deliveries/s, {rates[time_loop]:,.0f} letters/s in a loop\n")
        ratios = sorted(ours / bare for ours, bare in rounds)
        ratio, rate = statistics.median(ratios), statistics.median(ours for ours, _ in rounds)
        report(
            "speed",
            f"{rate:,.0f} deliveries/s to {SUBSCRIBERS} subscribers, {ratio:.2f} of a bare loop over the same client"
            f" (median of {len(rounds)} rounds, {ratios[0]:.2f}–{ratios[-1]:.2f})",
            rate=round(rate),
            ratio=round(ratio, 3),
            spread=[round(ratios[0], 3), round(ratios[-1], 3)],
        )

        alone, beside = [], []
        for number in range(1, arguments.rounds + 1):
            tell(f"fairness, round {number} of {arguments.rounds} …")
            pairs = ((0, alone), (DEAD, beside)) if number % 2 else ((DEAD, beside), (0, alone))
            for dead, kept in pairs:
                kept.append(await time_delays(url, refusing, arguments.events, arguments.rate, dead=dead))
            tell(f" p99 {alone[-1][1] * 1000:.1f} ms alone, {beside[-1][1] * 1000:.1f} ms beside {DEAD} dead ones\n")
        (p50, p99), (dead_p50, dead_p99) = (
            [statistics.median(each) * 1000 for each in zip(*kept, strict=True)] for kept in (alone, beside)
        )
        ratio = statistics.median(
            with_dead / without for (_, without), (_, with_dead) in zip(alone, beside, strict=True)
        )
        report(
            "fairness",
            f"from commit to arrival at {SUBSCRIBERS - DEAD} healthy subscribers: {p50:.1f} ms (p99 {p99:.1f} ms)"
            f" alone, {dead_p50:.1f} ms (p99 {dead_p99:.1f} ms) beside {DEAD} dead ones; p99 {ratio:.2f} times as long",
            p50=round(p50, 2),
            p99=round(p99, 2),
            dead_p50=round(dead_p50, 2),
            dead_p99=round(dead_p99, 2),
            ratio=round(ratio, 3),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast and how fairly events reach their subscribers.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=100, help="in each round, for every subscriber")
    parser.add_argument("--rate", type=float, default=12, help="events per second, where delays are measured")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    configure_logs("error")
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    if sys.argv[1:] == ["doors"]:
        uvloop.run(open_doors())
    else:
        main()

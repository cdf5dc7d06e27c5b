"""What rules cost: an event that they decide about, ingest beside them, and a backtest of them.

Method: as many rules as are asked for, of kinds that people write, all on what the events are about.

- An event: one finished grid after the other before a Reactor, with a replay for its facts. Once none of the rules
  fits, once one rule in twenty does.
- Ingest: the run of bench.ingest, beside the same run with the rules in its file, of which none fits; one in ten of
  them is on `task.progressed`, for which every callback has to be looked at. Each server is fresh, and both stand side
  by side in each round; the ratio is taken round by round.
- Backtest: a ledger of real callbacks, decided about live by the rules, of which one in twenty fits; then the same
  rules over all of its events once more. What it counts must be what happened.

    python -m bench.rules [--rules 100] [--rounds 3] [--events 100000] [--json]
"""

import argparse
import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from bench.ingest import check, load, server, tell
from bench.servers import CALLBACKS_PER_TASK, make_body
from hooks.blanker import Blanker
from hooks.wire import parse_progress
from service.config import parse_config
from service.rules.hindsight.backtest import backtest
from service.rules.hindsight.replay import Replay
from service.rules.reactor import Reactor
from storage.ledger import record
from storage.openings import open_task
from storage.queue import claim_due
from storage.records import NewTask, Task
from storage.store import Store
from storage.submissions import acknowledge
from storage.tasks import read_task

GATEWAY = "midjourney-proxy"
SAMPLE = 200  # events that are decided about to time one
REPEATS = 40  # of which the quickest counts: the others were kept waiting
FITS = 20  # one rule in so many fits one task in FIRES
FIRES = 10
BATCH = 500  # callbacks under way at once, while a ledger is filled
# What does not fit, as people would write it; each says no at another place.
MATCHES = (
    "{action: IMAGINE, prompt: {word: zebra%d}}",
    "{action: IMAGINE, tags: shop%d}",
    '{action: [IMAGINE, VARIATION], params.ar: "%d:9"}',
    '{action: IMAGINE, prompt: {icontains: ["poster %d", "海报 %d"]}, depth: 0}',
    "{action: IMAGINE, gateway: midjourney-proxy, any: [{tags: a%d}, {prompt: {prefix: b}}]}",
    "{not: {action: DESCRIBE}, depth: 0, state: {glob: order-%d-*}}",
)


def write_rules(number: int, *, fitting: bool = False, progressed: bool = False) -> bytes:
    """A file of so many rules; `progressed` has one in ten of them look at every callback."""
    lines = ["rules:"]
    for place in range(number):
        match = MATCHES[place % len(MATCHES)].replace("%d", str(place))
        event, do = "task.succeeded", "click: U1"
        if fitting and place % FITS == 0:
            match, do = "{action: IMAGINE, prompt: {word: cat}}", f"tag: seen-{place}"
        elif progressed and place % 10 == 0:
            match, event, do = f"{{progress: {{gte: 50}}, tags: rush{place}}}", "task.progressed", "tag: half"
        lines.append(f"  - {{id: r{place}, on: {event}, match: {match}, do: [{{{do}}}]}}")
    return "\n".join(lines).encode()


def read_rules(text: bytes) -> Reactor:
    return Reactor(parse_config(text, file="bench.yaml", environ={}).rulebook)


class NothingElse:
    """The past of a replay in which only rules act."""

    def then(self, _task_id: str) -> tuple[str, ...]:
        return ()


def time_event(tasks: list[Task], rules: bytes) -> tuple[float, int]:
    """Microseconds for an event before the rules, and how many firings came of all the tasks."""
    reactor, times = read_rules(rules), []
    for _ in range(REPEATS):
        replay = Replay(reactor, NothingElse())
        begin = time.process_time()
        for task in tasks:
            replay.follow("task.succeeded", task, 1)
        times.append((time.process_time() - begin) / len(tasks) * 1e6)
    return min(times), len(replay.firings)


@contextmanager
def new_folder():
    folder = Path(tempfile.mkdtemp(prefix="ringback-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def fill(store: Store, events: int) -> None:
    """Let so many callbacks arrive, each one an event, one in twenty an ending."""
    number = events // CALLBACKS_PER_TASK
    for place in range(number):
        prompt = f"a red {'cat' if place % FIRES == 0 else 'fox'} number {place}"
        store.submit(open_task, NewTask(gateway=GATEWAY, action="IMAGINE", prompt=prompt, origin="api")).result()
    claims = store.submit(claim_due, gateway=GATEWAY, limit=number).result()
    for place, claim in enumerate(claims):
        store.submit(acknowledge, claim.submission.id, f"17412310{place:08d}", "submit").result()
    for begin in range(0, number, BATCH):
        for step in range(CALLBACKS_PER_TASK):
            made = [
                store.submit(
                    record, claim.task.id, claim.submission.nonce, make_progress(place, claim, step), "callback"
                )
                for place, claim in enumerate(claims[begin : begin + BATCH], begin)
            ]
            for each in made:
                each.result()


def make_progress(place, claim, step):
    return parse_progress(make_body(f"17412310{place:08d}", claim.task.prompt, step), Blanker())


def list_grids(number: int) -> list[Task]:
    """Finished tasks, as the rules see them."""
    with new_folder() as folder:
        store = Store(folder / "grids.db")
        store.start()
        fill(store, FIRES * CALLBACKS_PER_TASK)
        ids = store.submit(lambda tx: [row[0] for row in tx.execute("SELECT id FROM tasks ORDER BY id")]).result()
        found = [store.submit(read_task, task_id).result() for task_id in ids]
        store.close()
    return [msgspec.structs.replace(found[place % len(found)], id=f"8{place:015d}") for place in range(number)]


def time_backtest(rules: bytes, events: int) -> tuple[float, int, int]:
    """The seconds that it takes, the events in the ledger, and the firings that it counts."""
    with new_folder() as folder:
        reactor, path = read_rules(rules), folder / "ringback.db"
        store = Store(path, react=reactor)
        store.start()
        fill(store, events)
        until = store.now()
        store.close()
        with closing(sqlite3.connect(path)) as db:
            begin = time.perf_counter()
            told = backtest(db, reactor, since=0, until=until)
            seconds = time.perf_counter() - begin
            (there,) = db.execute("SELECT count(*) FROM events").fetchone()
            lived = dict(
                db.execute("SELECT rule, count(*) FROM firings WHERE outcome = 'fired' GROUP BY rule").fetchall()
            )
    counted = Counter({each.rule: each.fired for each in told.tallies})
    if +counted != Counter(lived) or not lived:
        raise SystemExit(f"the backtest counts what did not happen: {counted} instead of {lived}")
    return seconds, there, counted.total()


def time_ingest(rules: bytes | None, connections: int) -> float:
    """Durable callbacks per second, beside these rules."""
    with new_folder() as folder:
        more = folder / "more.yaml"
        more.write_bytes(rules or b"")
        with (
            server("gateway") as gateway_port,
            server("ringback", str(folder), str(gateway_port), *([str(more)] if rules else [])) as port,
        ):
            rate = load(port, folder / "requests", connections)
        check(folder / "ringback.db")
        return rate


def main() -> None:
    parser = argparse.ArgumentParser(description="What rules cost.")
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    arguments = parser.parse_args()
    number = arguments.rules

    def report(name: str, text: str, **figures: float | list[float]) -> None:
        print(json.dumps({"name": name, "rules": number} | figures) if arguments.json else text, flush=True)

    grids = list_grids(SAMPLE)
    idle, none = time_event(grids, write_rules(number))
    busy, some = time_event(grids, write_rules(number, fitting=True))
    if none or not some:
        raise SystemExit(f"{none} firings where no rule fits, and {some} where some do")
    report(
        "event",
        f"an event before {number} rules: {idle:.0f} µs where none fits, {busy:.0f} µs where one in {FITS} fits one"
        f" task in {FIRES}",
        microseconds=round(idle, 1),
        fitting=round(busy, 1),
    )

    rules, ratios = write_rules(number, progressed=True), []
    for place in range(1, arguments.rounds + 1):
        tell(f"round {place} of {arguments.rounds} …")
        # Which of the two comes first alternates, so that whatever else the machine does is shared.
        order = (None, rules) if place % 2 else (rules, None)
        rates = {each: time_ingest(each, arguments.connections) for each in order}
        ratios.append(rates[rules] / rates[None])
        tell(f" {rates[rules]:,.0f} of {rates[None]:,.0f} callbacks/s, {ratios[-1]:.2f}\n")
    ratios.sort()
    ratio = statistics.median(ratios)
    report(
        "ingest beside rules",
        f"ingest beside {number} rules of which none fits: {ratio:.2f} of ingest without them"
        f" (median of {len(ratios)} rounds, {ratios[0]:.2f} to {ratios[-1]:.2f})",
        ratio=round(ratio, 3),
        spread=[round(ratios[0], 3), round(ratios[-1], 3)],
    )

    for name, progressed in (("endings", False), ("every event", True)):
        tell(f"filling a ledger with {arguments.events:,} events …\n")
        text = write_rules(number, fitting=True, progressed=progressed)
        seconds, there, counted = time_backtest(text, arguments.events)
        report(
            f"backtest of {name}",
            f"backtest of {number} rules on {name}: {seconds:.1f} s for {there:,} events, {counted:,} firings",
            seconds=round(seconds, 2),
            events=there,
            firings=counted,
        )


if __name__ == "__main__":
    main()

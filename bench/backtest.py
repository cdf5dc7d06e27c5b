"""How long a backtest takes: a ledger of many events against a file of many rules.

Method: tasks that five callbacks bring to their end are written into a ledger of its own, then the events are replayed
on one thread. Most rules look at few tasks, as rules do; one in a hundred fires for every third task. The processor's
seconds are told beside those of the clock, since others may be at work.

    python -m bench.backtest [--events 100000] [--rules 100]
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from service.config import parse_config
from service.rules.backtest import backtest
from service.rules.reactor import Reactor
from storage.events import read_latest_seq
from storage.ledger import record
from storage.openings import open_task
from storage.records import Button, NewTask, Progress
from storage.store import Store
from storage.submissions import list_submissions

BATCH = 1000  # tasks of one transaction
PER_TASK = 6  # events: submitted, progressed three times, succeeded, settled
WORDS = ("cat", "dog", "fox")
GRID = tuple(
    Button(label=f"{letter}{index}", custom_id=f"MJ::JOB::{kind}::{index}::x", kind=kind, index=index)
    for letter, kind in (("U", "upsample"), ("V", "variation"))
    for index in range(1, 5)
)
STORY = (
    Progress(status="SUBMITTED", progress=0),
    *(Progress(status="IN_PROGRESS", progress=percent, properties={"promptEn": "x" * 200}) for percent in (20, 50, 80)),
    Progress(status="SUCCESS", progress=100, buttons=GRID, image_url="https://cdn.example/a.png"),
)


def fill(tx: Any, tasks: int) -> None:
    for number in range(tasks):
        prompt = f"a {WORDS[number % 3]} number {number} --ar 16:9"
        tags = ("auto",) if number % 2 else ()
        new = NewTask(gateway="g", action="IMAGINE", prompt=prompt, params={"ar": "16:9"}, origin="api", tags=tags)
        task = open_task(tx, new)
        (submission,) = list_submissions(tx, task.id)
        for progress in STORY:
            tx.now += 1
            record(tx, task.id, submission.nonce, progress, "callback")


def write_rules(rules: int) -> str:
    matches = (
        "action: IMAGINE, prompt: {word: bird%d}",
        "action: UPSCALE, tags: shop%d",
        "prompt: {icontains: zebra%d}, params.ar: 16:90",
        "tags: t%d, depth: 0",
        "action: IMAGINE, params.ar: 16:9, tags: shop%d",
    )
    lines = ["limits: {per_hour: 1000, policy: drop}", "rules:"]
    for number in range(rules):
        match = "action: IMAGINE, prompt: {word: cat}" if number % 100 == 7 else matches[number % 5] % number
        event = "task.progressed" if number % 4 == 3 else "task.succeeded"
        threshold = "progress: {gte: 50}, " if event == "task.progressed" else ""
        do = "tag: seen" if threshold else "click: U1"
        bound = "" if threshold else ", max_depth: 2"
        lines.append(f"  - {{id: r{number}, on: {event}, match: {{{threshold}{match}}}{bound}, do: [{do}]}}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Replays a ledger through rules.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rules", type=int, default=100)
    options = parser.parse_args()
    config = parse_config(write_rules(options.rules).encode(), file="bench", environ={})
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "ringback.db")
        store.start()
        try:
            for _ in range(-(-options.events // (BATCH * PER_TASK))):
                store.submit(fill, BATCH).result()
            events = store.query(read_latest_seq)
            began, worked = time.perf_counter(), time.process_time()
            told = store.query(backtest, Reactor(config.rulebook), since=0, until=2**52)
            seconds, busy = time.perf_counter() - began, time.process_time() - worked
        finally:
            store.close()
    print(
        f"{events} events, {told.events} of them of a type that rules are on, {options.rules} rules: {seconds:.1f} s"
        f" ({busy:.1f} s of processor), {sum(each.fired for each in told.tallies)} firings",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Durable callbacks per second, as a ratio to a Starlette handler that only reads the body.

Method: 20,000 POSTs of about 2 KB over 1,000 tasks, each one new progress, one in twenty an ending, a rule that fires
on one in a hundred and whose follow-ups are submitted to a gateway in another process. Ringback runs as `ringback
serve` runs it, `synchronous=FULL`, and answers 200 after the commit. The reference gets the very same requests. Each
round runs both, one after the other, each server fresh in a process of its own, the client in another; the ratio is
taken round by round, and its median over the rounds is what counts.

    python -m bench.ingest [--connections 32] [--rounds 5] [--json]
"""

import argparse
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

from bench.servers import CALLBACKS_PER_TASK, FIRES, TASKS


@contextmanager
def server(*arguments: str):
    """Run one of bench.servers and give its port."""
    process = subprocess.Popen([sys.executable, "-m", "bench.servers", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def load(port: int, requests: Path, connections: int) -> float:
    """Send the requests and give requests per second."""
    command = [sys.executable, "-m", "bench.load", str(port), str(requests), str(connections)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if result["refused"]:
        raise SystemExit(f"not every request was answered with 200: {result['refused']}")
    return result["requests"] / result["seconds"]


def check(database: Path) -> None:
    """A rate counts only if the ledger holds what it stands for."""
    with closing(sqlite3.connect(database)) as db:
        (ended,) = db.execute("SELECT count(*) FROM events WHERE type = 'task.succeeded'").fetchone()
        (progressed,) = db.execute("SELECT count(*) FROM events WHERE type = 'task.progressed'").fetchone()
        (fired,) = db.execute("SELECT count(*) FROM firings WHERE outcome = 'fired'").fetchone()
    # Two callbacks of one task may overtake each other on two connections: the older one is no news.
    if ended != TASKS or fired != TASKS // FIRES or progressed < 0.98 * TASKS * (CALLBACKS_PER_TASK - 1):
        raise SystemExit(f"the ledger does not hold the run: {ended} endings, {fired} firings, {progressed} progress")


def run_round(connections: int) -> tuple[float, float]:
    """Give the rates of Ringback and of the reference."""
    folder = Path(tempfile.mkdtemp(prefix="ringback-bench-"))
    try:
        with server("gateway") as gateway_port, server("ringback", str(folder), str(gateway_port)) as port:
            rate = load(port, folder / "requests", connections)
        check(folder / "ringback.db")
        with server("reference") as port:
            return rate, load(port, folder / "requests", connections)
    finally:
        shutil.rmtree(folder)


def tell(text: str) -> None:
    """Say how far it is, beside the result."""
    print(text, end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Durable callbacks per second against a handler that reads the body.")
    parser.add_argument("--connections", type=int, nargs="*", default=[32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    arguments = parser.parse_args()
    for connections in arguments.connections:
        rounds = []
        for number in range(1, arguments.rounds + 1):
            tell(f"round {number} of {arguments.rounds}, {connections} connections …")
            rate, floor = run_round(connections)
            tell(f" {rate:,.0f} durable callbacks/s, {rate / floor:.2f} of {floor:,.0f}\n")
            rounds.append((rate, floor))
        ratios = sorted(rate / floor for rate, floor in rounds)
        ratio, median = statistics.median(ratios), statistics.median(rate for rate, _ in rounds)
        if arguments.json:
            line = {"name": "ingest", "connections": connections, "ratio": round(ratio, 3), "median": round(median)}
            print(json.dumps(line | {"spread": [round(ratios[0], 3), round(ratios[-1], 3)]}), flush=True)
        else:
            print(
                f"ingest, {connections} connections: {median:,.0f} durable callbacks/s, {ratio:.2f} of a handler that"
                f" reads the body (median of {len(rounds)} rounds, {ratios[0]:.2f}–{ratios[-1]:.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()

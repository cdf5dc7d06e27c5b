"""What a gateway is asked for: with hooks that arrive, and with hooks that it strips without a word.

Method: `ringback serve` and `ringback simulate` as processes, so many prompts at once, and the gateway's own books at
the end: every question that it was asked, batches and single ones alike. A plain poller asks about each task every
5 seconds.

    python -m bench.polls [--tasks 200] [--silent-after 4] [--grid-seconds 6]
"""

import argparse
import time
from typing import Any

import httpx

from service.cli.demo.processes import find_free_port, open_stage
from service.gateways.health import choose_pace

KEY, GATEWAY_KEY = "bench-api-key-0123456789", "bench-gateway-key"
PLAIN = 5.0  # seconds between a plain poller's questions about a task
LOOK = 0.2  # seconds between two looks whether all is done
PATIENCE = 300.0  # seconds


def play(tasks: int, silent_after: float, grid_seconds: float, *, strip: bool) -> tuple[int, float, dict[str, Any]]:
    """Give the questions that the gateway was asked, the seconds that it took, and what the service says of it."""
    with open_stage() as (_, processes):
        gateway, service = (f"http://127.0.0.1:{find_free_port()}" for _ in range(2))
        port = gateway.rpartition(":")[2]
        simulate = ["simulate", "--port", port, "--grid-seconds", str(grid_seconds), "--strip-hook", str(int(strip))]
        processes.start("gateway", simulate, {})
        settings = {
            "RINGBACK_GATEWAY": "midjourney-proxy",
            "RINGBACK_GATEWAY_URL": gateway,
            "RINGBACK_GATEWAY_KEY": GATEWAY_KEY,
            "RINGBACK_PUBLIC_URL": service,
            "RINGBACK_API_KEYS": KEY,
            "RINGBACK_SILENT_AFTER": str(silent_after),
            "PORT": service.rpartition(":")[2],
        }
        processes.start("service", ["serve"], settings)
        processes.wait_ready("gateway", lambda: answers(f"{gateway}/simulator/health"))
        processes.wait_ready("service", lambda: answers(f"{service}/readyz"))
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=service, headers=headers, trust_env=False, timeout=30) as http:
            began = time.monotonic()
            for number in range(tasks):
                http.post("/v1/tasks", json={"prompt": f"一只猫 {number}"}).raise_for_status()
            while len(http.get("/v1/tasks", params={"status": "SUCCESS", "limit": 1000}).json()["tasks"]) < tasks:
                if time.monotonic() - began > PATIENCE:
                    raise SystemExit(f"not every task has ended after {PATIENCE:g} s")
                time.sleep(LOOK)
            seconds = time.monotonic() - began
            (shown,) = http.get("/v1/gateways").json()["gateways"]
            counts = http.get(f"{gateway}/simulator/books").json()["counts"]
        return counts["fetches"] + counts["lists"], seconds, shown


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description="Questions to a gateway, with hooks and without.")
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--silent-after", type=float, default=4.0)
    parser.add_argument("--grid-seconds", type=float, default=6.0)
    options = parser.parse_args()
    for strip in (False, True):
        asked, seconds, shown = play(options.tasks, options.silent_after, options.grid_seconds, strip=strip)
        state, polls = shown["hooks"]["state"], shown["polls"]
        interval = choose_pace(state, options.silent_after).interval
        print(
            f"hooks {state}: {options.tasks} tasks in {seconds:.1f} s, {asked} questions, {polls['avoided']} avoided"
            f" of those that asking about each every {PLAIN:g} s takes; at most one batch every {interval:g} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

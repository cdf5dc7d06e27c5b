"""The balance of a performance: the gateway's books against the ledger, and whether all is as promised."""

from collections import Counter
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from service.cli.demo.cast import RULE
from service.cli.demo.play import PROMPTS, Record
from storage.records import JSON, Status


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers. Callbacks are POSTs to hooks."""

    owed: int  # callbacks that the gateway's tasks called for
    dropped: int  # of these, never sent
    doubled: int  # sent twice
    sent: int
    dead_ends: int  # came while the server was dead
    refused: int  # were not acknowledged by the living server
    acknowledged: int  # answered 200: in the ledger for certain
    news: int  # of these, changed what the ledger believes
    fetched: int  # news that the reconciler had to ask for
    grids: int  # submissions that the gateway was paid for
    upscales: int
    spent_twice: int  # paid submissions that bought the same thing as an earlier one
    tasks: int
    events: int
    breaks: int  # of the stream of events
    follow_ups: int  # tasks that the rule opened

    @property
    def is_balanced(self) -> bool:
        """Whether every callback is accounted for."""
        on_the_way = self.owed - self.dropped + self.doubled
        return on_the_way == self.sent == self.dead_ends + self.refused + self.acknowledged


def strike_balance(record: Record) -> Balance:
    """Put the books and the ledger side by side."""
    counts = record.books["counts"]
    sources = Counter(event["data"]["source"] for event in record.events if event["type"] != "task.submitted")
    paid = record.books["submissions"]
    tasks = [task for chain in record.chains for task in chain]
    return Balance(
        owed=counts["callbacks_made"],
        dropped=counts["lost"],
        doubled=counts["doubled"],
        sent=counts["callbacks_sent"],
        dead_ends=record.dead_ends,
        refused=counts["refused_by_receiver"] - record.dead_ends,
        acknowledged=counts["acknowledged"],
        news=sources["callback"],
        fetched=sources["fetch"],
        grids=counts["imagine"],
        upscales=counts["clicks"],
        spent_twice=len(paid) - len({_purchase(each) for each in paid}),
        tasks=len(tasks),
        events=len(record.events),
        breaks=record.breaks,
        follow_ups=sum(task["origin"] == f"rule:{RULE}" for task in tasks),
    )


def _purchase(submission: JSON) -> tuple[str, ...]:
    """What a paid submission bought: a grid for one of our tasks, or one picture of one grid."""
    if submission["parent"] is None:
        return ("grid", submission["state"])
    return (submission["parent"], submission["action"], str(submission["index"]))


def find_faults(record: Record, balance: Balance) -> list[str]:
    """Everything that is not as promised; nothing when all is well."""
    faults = []
    for chain in record.chains:
        root, *others = chain
        picked = [task for task in others if task["parent_id"] == root["id"] and task["action"] == "UPSCALE"]
        if root["status"] != Status.SUCCESS:
            faults.append(f"{root['prompt']}: the grid is {root['status']} ({root['submission']})")
        elif len(picked) != 1 or len(others) != 1:
            faults.append(f"{root['prompt']}: {len(picked)} upscales, and {len(others)} follow-ups in all; wanted one")
        elif picked[0]["status"] != Status.SUCCESS:
            faults.append(f"{root['prompt']}: its U1 is {picked[0]['status']} ({picked[0]['submission']})")
    if balance.spent_twice:
        faults.append(f"{balance.spent_twice} submissions were paid twice")
    if (balance.grids, balance.upscales) != (len(PROMPTS), len(PROMPTS)):
        faults.append(f"the gateway was paid for {balance.grids} grids and {balance.upscales} upscales")
    if record.streamed != [event["seq"] for event in record.events][: len(record.streamed)]:
        faults.append("the event stream skipped an event, or repeated one")
    if not balance.is_balanced:
        faults.append("the books do not balance: a callback is not accounted for")
    return faults


def draw_balance(balance: Balance) -> Table:
    """The books as a table that adds up from line to line."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()

    def line(number: int, text: str, *, sign: str = "", style: str = "") -> None:
        table.add_row(Text(f"{sign}{number}", style), Text(text, style))

    line(balance.owed, "callbacks that the gateway's tasks called for")
    line(balance.dropped, "dropped by the gateway", sign="− ")
    line(balance.doubled, "sent twice", sign="+ ")
    line(balance.dead_ends, "lost while the server was dead", sign="− ")
    if balance.refused:
        line(balance.refused, "not acknowledged", sign="− ")
    line(balance.acknowledged, "answered 200, so in the ledger before the answer", sign="= ", style="bold")
    line(balance.news, "of these were news", style="dim")
    line(max(0, balance.acknowledged - balance.news), "were doubles or came too late, without effect", style="dim")
    line(balance.fetched, "more pieces of news were asked for by the reconciler")
    broken = f", which broke {'once' if balance.breaks == 1 else f'{balance.breaks} times'} and missed none"
    line(balance.events, f"events in all, followed as a stream{broken if balance.breaks else ''}")
    table.add_row("", "")
    line(balance.grids, "grids submitted")
    line(balance.upscales, f"upscales submitted, all by the rule {RULE}")
    style = "bold red" if balance.spent_twice else "bold green"
    line(balance.spent_twice, "spent twice", style=style)
    return table


def summarise(balance: Balance, ledger: Path) -> JSON:
    """The last line of `--json`. `callbacks` are those that were acknowledged."""
    return {
        "summary": {
            "tasks": balance.tasks,
            "callbacks": balance.acknowledged,
            "events": balance.events,
            "follow_ups": balance.follow_ups,
            "ledger": str(ledger),
        }
    }

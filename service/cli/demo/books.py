"""The balance of a performance: the gateway's books, the ledger and what a subscriber heard, side by side."""

from collections import Counter
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from service.cli.demo.audit import (
    count_disordered,
    count_overtaken,
    count_settled,
    drop_repeated,
    find_purchases,
    find_unrecorded,
)
from service.cli.demo.cast import RULE
from service.cli.demo.play import Record
from storage.records import JSON


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers. Callbacks are POSTs to hooks."""

    owed: int  # callbacks that the gateway's tasks called for
    dropped: int  # of these, never sent
    doubled: int  # sent twice
    sent: int
    dead_ends: int  # came while the server was dead
    refused: int  # were not acknowledged by the living server
    acknowledged: int  # answered 200
    unrecorded: int  # of these, not in the ledger when they were
    news: int  # of these, changed what the ledger believes
    overtaken: int  # of these, came after a later one of their task
    fetched: int  # news that the reconciler had to ask for
    grids: int  # submissions that the gateway was paid for
    upscales: int
    spent_twice: int  # paid submissions that bought the same thing as an earlier one
    tasks: int
    events: int
    breaks: int  # of the stream of events
    follow_ups: int  # tasks that the rule opened
    deliveries: int  # POSTs that came to the subscriber
    webhook_ids: int  # of these, different ones
    forged: int  # whose signature is wrong
    disordered: int  # events that came after a later one of their task
    settled: int  # chains told as settled, with their pictures

    @property
    def is_balanced(self) -> bool:
        """Whether every callback is accounted for."""
        on_the_way = self.owed - self.dropped + self.doubled
        return on_the_way == self.sent == self.dead_ends + self.refused + self.acknowledged


def strike_balance(record: Record) -> Balance:
    """Put the books and the ledger side by side."""
    counts = record.books["counts"]
    sources = Counter(event["data"]["source"] for event in record.events if event["type"] != "task.submitted")
    purchases = find_purchases(record.books)
    tasks = [task for chain in record.chains for task in chain]
    return Balance(
        owed=counts["callbacks_made"],
        dropped=counts["lost"],
        doubled=counts["doubled"],
        sent=counts["callbacks_sent"],
        dead_ends=record.dead_ends,
        refused=counts["refused_by_receiver"] - record.dead_ends,
        acknowledged=counts["acknowledged"],
        unrecorded=len(find_unrecorded(record)),
        news=sources["callback"],
        overtaken=count_overtaken(record.books),
        fetched=sources["fetch"],
        grids=counts["imagine"],
        upscales=counts["clicks"],
        spent_twice=purchases.total() - len(purchases),
        tasks=len(tasks),
        events=len(record.events),
        breaks=record.breaks,
        follow_ups=sum(task["origin"] == f"rule:{RULE}" for task in tasks),
        deliveries=len(record.heard),
        webhook_ids=len(drop_repeated(record.heard)),
        forged=sum(not each.genuine for each in record.heard),
        disordered=count_disordered(record.heard),
        settled=count_settled(record.heard),
    )


def draw_balance(balance: Balance) -> Table:
    """The books as a table that adds up from line to line."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify, no_wrap=justify == "right")

    def line(number: int, text: str, *, sign: str = "", style: str = "") -> None:
        table.add_row(Text(f"  {sign}", style), Text(str(number), style), Text(text, style))

    line(balance.owed, "callbacks that the gateway's tasks called for")
    line(balance.dropped, "dropped by the gateway", sign="−")
    line(balance.doubled, "sent twice", sign="+")
    line(balance.dead_ends, "lost while the server was dead", sign="−")
    if balance.refused:
        line(balance.refused, "not acknowledged", sign="−")
    kept = ", so in the ledger before the answer" if not balance.unrecorded else ""
    line(balance.acknowledged, f"answered 200{kept}", sign="=", style="bold")
    if balance.unrecorded:
        line(balance.unrecorded, "of these were not in the ledger", style="bold red")
    line(balance.news, "of these were news", style="dim")
    idle = balance.acknowledged - balance.unrecorded - balance.news
    line(max(0, idle), "were doubles or came too late, without effect", style="dim")
    line(balance.overtaken, "came out of order, after a later one of their task", style="dim")
    table.add_row()
    line(balance.fetched, "more pieces of news were asked for by the reconciler")
    line(balance.events, f"events in all, followed as a stream{_tell_breaks(balance.breaks)}")
    table.add_row()
    line(balance.grids, "grids submitted")
    by_rule = f", all by the rule {RULE}" if balance.follow_ups == balance.upscales > 0 else ""
    line(balance.upscales, f"upscales submitted{by_rule}")
    line(balance.spent_twice, "spent twice", style=_judge(balance.spent_twice))
    table.add_row()
    line(balance.deliveries, "deliveries to a subscriber on this machine")
    line(balance.deliveries - balance.webhook_ids, "of these once more, under the same webhook-id", style="dim")
    line(balance.forged, "wrong signatures", style=_judge(balance.forged))
    line(balance.disordered, "out of order", style=_judge(balance.disordered))
    line(balance.settled, "chains told as settled, with their pictures", style="bold")
    return table


def _judge(wrong: int) -> str:
    return "bold red" if wrong else "bold green"


def _tell_breaks(breaks: int) -> str:
    if not breaks:
        return ""
    return f", which broke {'once' if breaks == 1 else f'{breaks} times'} and was resumed"


def summarise(balance: Balance, ledger: Path) -> JSON:
    """The last line of `--json`. `callbacks` are those that were acknowledged, `deliveries` those that arrived."""
    return {
        "summary": {
            "tasks": balance.tasks,
            "callbacks": balance.acknowledged,
            "events": balance.events,
            "follow_ups": balance.follow_ups,
            "deliveries": balance.deliveries,
            "webhook_ids": balance.webhook_ids,
            "wrong_signatures": balance.forged,
            "out_of_order": balance.disordered,
            "chains_settled": balance.settled,
            "ledger": str(ledger),
        }
    }

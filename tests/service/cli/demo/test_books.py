"""The balance of a performance."""

import io

import pytest
from rich.console import Console

from service.cli.demo.books import draw_balance, strike_balance, summarise


@pytest.fixture
def lines_of():
    """Draws the books of a Record on a page of 80 columns."""

    def draw(record):
        console = Console(file=io.StringIO(), width=80, markup=False)
        console.print(draw_balance(strike_balance(record)))
        return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]

    return draw


def test_a_good_performance_adds_up(record):
    balance = strike_balance(record)
    assert balance.is_balanced
    assert (balance.news, balance.fetched, balance.spent_twice, balance.follow_ups) == (2, 1, 0, 6)
    assert (balance.unrecorded, balance.overtaken) == (0, 1)


def test_the_books_tell_of_every_vice_in_80_columns(record, lines_of):
    assert lines_of(record) == [
        "40 callbacks that the gateway's tasks called for",
        "− 10 dropped by the gateway",
        "+ 5 sent twice",
        "− 5 lost while the server was dead",
        "= 30 answered 200, so in the ledger before the answer",
        "2 of these were news",
        "28 were doubles or came too late, without effect",
        "1 came out of order, after a later one of their task",
        "",
        "1 more pieces of news were asked for by the reconciler",
        "10 events in all, followed as a stream, which broke once and was resumed",
        "",
        "6 grids submitted",
        "6 upscales submitted, all by the rule first-pick",
        "0 spent twice",
        "",
        "11 deliveries to a subscriber on this machine",
        "1 of these once more, under the same webhook-id",
        "0 wrong signatures",
        "0 out of order",
        "6 chains told as settled, with their pictures",
    ]


def test_the_books_do_not_claim_what_is_not_so(record, lines_of):
    record.books["acknowledged_log"][0][3] = 0
    record.chains[0][1]["origin"] = "then"
    lines = lines_of(record)
    assert "= 30 answered 200" in lines
    assert "1 of these were not in the ledger" in lines
    assert "6 upscales submitted" in lines


def test_the_summary_has_the_numbers_and_the_ledger(record, tmp_path):
    assert summarise(strike_balance(record), tmp_path / "ringback.db") == {
        "summary": {
            "tasks": 12,
            "callbacks": 30,
            "events": 10,
            "follow_ups": 6,
            "deliveries": 11,
            "webhook_ids": 10,
            "wrong_signatures": 0,
            "out_of_order": 0,
            "chains_settled": 6,
            "ledger": str(tmp_path / "ringback.db"),
        }
    }

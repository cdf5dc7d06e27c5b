"""Whether a performance was as promised: the gateway's books against what the ledger tells of itself."""

from collections.abc import Iterator

from service.cli.demo.audit import drop_repeated, find_purchases, find_unrecorded
from service.cli.demo.books import Balance
from service.cli.demo.cast import RULE
from service.cli.demo.play import PROMPTS, Record
from storage.records import JSON, Status


def find_faults(record: Record, balance: Balance) -> list[str]:
    """Everything that is not as promised, a sentence each; nothing when all is well."""
    chains = (_find_fault_of_chain(chain, record.firings) for chain in record.chains)
    return [
        *filter(None, chains),
        *_find_faults_of_money(record, balance),
        *_find_faults_of_news(record, balance),
        *_find_faults_of_deliveries(record, balance),
    ]


def _find_fault_of_chain(chain: list[JSON], firings: list[JSON]) -> str | None:
    """What a grid lacks: its success, its one U1, or the firing that opened it."""
    root, *others = chain
    picked = [task for task in others if task["parent_id"] == root["id"] and task["action"] == "UPSCALE"]
    fired = [each for each in firings if (each["rule"], each["task_id"]) == (RULE, root["id"])]
    if root["status"] != Status.SUCCESS:
        fault = f"the grid is {root['status']} ({root['submission']})"
    elif len(picked) != 1 or len(others) != 1:
        fault = f"{len(picked)} upscales, and {len(others)} follow-ups in all; wanted one"
    elif picked[0]["status"] != Status.SUCCESS:
        fault = f"its U1 is {picked[0]['status']} ({picked[0]['submission']})"
    elif [action["task_id"] for each in fired for action in each["actions"]] != [picked[0]["id"]]:
        fault = f"no firing of the rule {RULE} tells why its U1 was clicked"
    else:
        return None
    return f"{root['prompt']}: {fault}"


def _find_faults_of_money(record: Record, balance: Balance) -> Iterator[str]:
    for purchase, times in find_purchases(record.books).items():
        if times > 1:
            yield f"the gateway was paid {times} times for {purchase}"
    if (balance.grids, balance.upscales) != (len(PROMPTS), len(PROMPTS)):
        yield f"the gateway was paid for {balance.grids} grids and {balance.upscales} upscales"


def _find_faults_of_news(record: Record, balance: Balance) -> Iterator[str]:
    if unrecorded := find_unrecorded(record):
        first = unrecorded[0]
        yield (
            f"{len(unrecorded)} of {balance.acknowledged} acknowledged callbacks were not in the"
            f" ledger then, the first one {first['status']} {first['progress']} of {first['task']}"
        )
    if hookless := sum(not bought["hook"] for bought in record.books["submissions"]):
        yield f"{hookless} paid submissions named no hook to call"
    if not balance.acknowledged:
        yield "no callback was acknowledged"
    if balance.refused:
        yield f"{balance.refused} callbacks were refused by a server that was alive"
    if record.streamed != [event["seq"] for event in record.events][: len(record.streamed)]:
        yield "the event stream skipped an event, or repeated one"
    if not balance.is_balanced:
        yield "the books do not balance: a callback is not accounted for"
    if record.hooks_kept:
        yield f"the ledger's file holds {record.hooks_kept} hooks, which nobody but their gateway may know"


def _find_faults_of_deliveries(record: Record, balance: Balance) -> Iterator[str]:
    if balance.forged:
        yield f"{balance.forged} deliveries had a wrong signature"
    if balance.disordered:
        yield f"{balance.disordered} deliveries came out of order"
    first = {each.id: each for each in drop_repeated(record.heard)}
    happened = {event["id"] for event in record.events}
    if missing := len(happened - first.keys()):
        yield f"the subscriber was not told of {missing} events"
    if unknown := len(first.keys() - happened):
        yield f"the subscriber was told of {unknown} events that did not happen"
    if any(each.body != first[each.id].body for each in record.heard):
        yield "a delivery that was repeated had changed"
    if balance.settled != len(PROMPTS):
        yield f"the subscriber was told with all pictures of {balance.settled} chains; wanted {len(PROMPTS)}"

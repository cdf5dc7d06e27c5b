"""A client's own `notifyHook`: a subscription to one task, told in the way of gateways."""

import structlog

from hooks.errors import ForbiddenTarget
from hooks.recipient import Recipient
from service.web.webhooks import Address, Webhooks
from storage.records import Task
from storage.records_of_deliveries import GATEWAY_EVENTS
from storage.subscriptions import open_for_task, readdress
from storage.transaction import Transaction

log = structlog.get_logger("ringback.facade")


def seal_hook(webhooks: Webhooks, hook: str | None) -> Address | None:
    """Give the hook as the ledger keeps it; None where there is none, or what can never be called.

    Gateways take any text, and so do we. Whether its address may be called is seen when it is: a refusal is told in
    the log and by `/v1/deliveries`.
    """
    if hook is None:
        return None
    try:
        return webhooks.seal(Recipient(url=hook))
    except ForbiddenTarget as error:
        log.warning("notifyHook ignored", why=str(error))
        return None


def call_about(tx: Transaction, task: Task, hook: Address | None) -> None:
    """Let a new task's events go to the hook, if there is one."""
    if hook is not None:
        open_for_task(
            tx,
            root_id=task.root_id,
            task_id=task.id,
            host=hook.host,
            sealed=hook.sealed,
            events=GATEWAY_EVENTS,
            format="gateway",
            origin="facade",
        )


def call_anew(tx: Transaction, task: Task, hook: Address | None) -> None:
    """The same for a task that may have had another hook: what it is still owed goes to the new one."""
    if hook is not None and not readdress(tx, task.id, hook.host, hook.sealed):
        call_about(tx, task, hook)

"""What every call of the API works with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from service.gateways.adopter import Adopter
from service.gateways.board import Board
from service.gateways.client import GatewayClient
from service.gateways.reconciler import Reconciler
from service.rules.rulebook import Rulebook
from service.rules.ruling import Ruling
from service.web.links import PictureLinks
from service.web.turns import Turns
from service.web.webhooks import Webhooks
from service.workers import Supervisor
from storage.attachments import Attachment
from storage.store import Store


class Goodbye:
    """The service is about to stop: streams and waiting calls end by themselves."""

    def __init__(self, wake_all: Callable[[], None]) -> None:
        self._wake_all = wake_all
        self._said = asyncio.Event()
        self.why = "the server ended"

    def say(self, why: str) -> None:
        """Say it, once and for all; `why` is for the log. On the event loop."""
        self.why = why
        self._said.set()
        self._wake_all()

    @property
    def said(self) -> bool:
        """Whether it was said."""
        return self._said.is_set()


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the service that the API shows and moves."""

    store: Store
    reconciler: Reconciler
    supervisor: Supervisor
    goodbye: Goodbye
    gateways: tuple[str, ...]  # the first is the default
    groups: Mapping[str, tuple[str, ...]]  # of gateways that step in for one another
    clients: Mapping[str, GatewayClient]  # of the gateways, by their names
    adopter: Adopter  # brings tasks in that were submitted elsewhere
    board: Board  # how each gateway stands
    links: PictureLinks  # to pictures, for who has no key
    # Takes the pictures that texts are or name; raises hooks.errors.HookError, whose message is for a person.
    take_attachments: Callable[[Sequence[str]], Awaitable[list[Attachment]]]
    turns: Turns  # of large bodies
    ruling: Ruling  # the rules in force
    # The rules that a file's text writes down; raises service.written.mistakes.MistakesFound.
    read_rules: Callable[[str], Rulebook]
    public_url: str | None  # how we are reached from outside; None: gateways cannot call back
    webhooks: Webhooks  # what is sealed of subscriptions
    check_then: Callable[[list[str]], list[str]]  # what is wrong with a `then` list

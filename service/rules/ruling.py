"""The rules in force: those of the file that was accepted last, and why a newer one was refused."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from service.rules.actions import NotifyAction
from service.rules.foresight.worst_case import WorstCase, find_worst_cases
from service.rules.plan import Price
from service.rules.reactor import Reactor
from service.rules.rulebook import VERSION_DIGITS, Rulebook
from service.written.mistakes import Mistake
from storage.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A file that was looked at and not taken: the rules before it go on."""

    at: int  # milliseconds
    mistakes: tuple[Mistake, ...]


class Ruling:
    """Holds one Rulebook at a time: the ledger decides by it, and everybody who shows rules looks here."""

    def __init__(self, store: Store, rulebook: Rulebook, *, file: str, price: Price) -> None:
        self._store = store
        self._price = price
        self.file = file  # its name, for people
        self.refusal: Refusal | None = None
        self._worst: tuple[Rulebook, Mapping[str, WorstCase]] | None = None  # those that were asked for last
        self._counting = Lock()  # who asks meanwhile waits for it
        self.enact(rulebook)

    def enact(self, rulebook: Rulebook) -> None:
        """These rules hold from the next transaction on."""
        self.rulebook = rulebook
        self.reactor = self.make_reactor(rulebook)
        self._store.react = self.reactor
        self.version = _version(rulebook)  # of the file, as far as it rules
        self.loaded_at = self._store.now()
        self.refusal = None
        self._urls = {
            action.address: action.url
            for rule in rulebook.rules
            for action in rule.do
            if isinstance(action, NotifyAction)
        }

    def make_reactor(self, rulebook: Rulebook) -> Reactor:
        """What would decide if these rules were in force."""
        return Reactor(rulebook, price=self._price)

    def find_worst_cases(self, rulebook: Rulebook) -> Mapping[str, WorstCase]:
        """The worst case of each rule by its id; the first time it may take a second, on no event loop."""
        with self._counting:
            if self._worst is None or self._worst[0] is not rulebook:
                self._worst = rulebook, find_worst_cases(rulebook)
            return self._worst[1]

    def refuse(self, mistakes: tuple[Mistake, ...]) -> None:
        """A newer file cannot be used: the rules in force go on, and whoever asks is told why."""
        self.refusal = Refusal(at=self._store.now(), mistakes=mistakes)

    def find_url(self, address: str) -> str | None:
        """The URL, secrets filled in, under an address that the ledger keeps; None when no rule has it any more."""
        return self._urls.get(address)


def _version(rulebook: Rulebook) -> str:
    text = repr(([(rule.id, rule.version) for rule in rulebook.rules], rulebook.limits))
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS]

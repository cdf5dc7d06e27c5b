"""What the tests of deciding share: rules from their text, tasks with a grid, and a past in which only rules act."""

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from service.rules.limits import Limits
from service.rules.plan import Price
from service.rules.reactor import Reactor
from service.rules.reading.limits import read_limits
from service.rules.reading.rulebook import read_rulebook
from service.written.document import Document
from storage.errors import NoSuchTask
from storage.reactions import Spending
from storage.records import Button, Chain, Task

GRID = tuple(
    Button(label=f"{letter}{index}", custom_id=f"MJ::JOB::{kind}::{index}::x", kind=kind, index=index)
    for letter, kind in (("U", "upsample"), ("V", "variation"))
    for index in range(1, 5)
)


class NobodyElse:
    """The past of a replay in which only rules act."""

    def then(self, task_id: str) -> tuple[str, ...]:
        return ()

    def task(self, task_id: str) -> Task:
        raise NoSuchTask

    def chain(self, root_id: str) -> Chain:
        return Chain(
            root_id=root_id, tasks=1, succeeded={}, failed={}, cancelled={}, retried={}, lost=0, cost=None, pictures=()
        )

    def mode(self, task_id: str) -> str | None:
        return None

    def has_click(self, task: Task, button: Button, now: int) -> bool:
        return False

    def was_refused(self, task: Task, button: Button, now: int) -> bool:
        return False

    def is_answered(self, task: Task, now: int) -> bool:
        return False

    def list_spending(self, rule: str, root_id: str) -> list[Spending]:
        return []

    def count_firings(self, rule: str, root_id: str) -> int:
        return 0


@pytest.fixture(scope="session")
def nobody_else() -> NobodyElse:
    return NobodyElse()


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    """A grid of a cat that succeeded; its number makes its id, and it is its own root."""

    def make(number: int = 1, **fields: Any) -> Task:
        base: dict[str, Any] = {
            "id": f"8{number:015d}",
            "gateway": "fuhuapi",
            "action": "IMAGINE",
            "status": "SUCCESS",
            "prompt": "a cat",
            "buttons": GRID,
            "root_id": f"8{number:015d}",
            "origin": "api",
            "created_at": 0,
            "updated_at": 0,
        }
        return Task(**base | fields)

    return make


@pytest.fixture(scope="session")
def make_reactor() -> Callable[..., Reactor]:
    """A Reactor of a whole file's text, which has no mistakes."""

    def make(text: str, *, price: Price | None = None) -> Reactor:
        document = Document(dedent(text).encode(), file="f", environ={})
        assert document.root is not None
        sections = document.root.mapping(("limits", "rules"))
        limits = read_limits(sections["limits"]) if "limits" in sections else Limits()
        book = read_rulebook(sections.get("rules"), limits)
        assert document.source.mistakes == ()
        return Reactor(book, price=price)

    return make

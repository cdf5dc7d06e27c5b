"""The examples of docs/rules.md, and a kitchen in which they are cooked: a service that runs them, and gateways."""

import re
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.journeys.letterbox import Letterbox
from tests.journeys.processes import Gateway, Service, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
SHANGHAI = ZoneInfo("Asia/Shanghai")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(\w+):\n", re.MULTILINE)
_HOURS = re.compile(r"from: \d\d:\d\d, to: \d\d:\d\d, tz: Asia/Shanghai")

Dish = Iterator[None]  # orders what its example is about, yields, and looks at what came of it


class Hours(NamedTuple):
    """A part of the day in Shanghai."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, *, begin: int, end: int) -> "Hours":
        """From so many hours after now until so many; to the minute, as a rule says it."""
        now = datetime.now(SHANGHAI).replace(second=0, microsecond=0)
        return cls(now + timedelta(hours=begin), now + timedelta(hours=end))


class Example(NamedTuple):
    """One file of the page."""

    text: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its rules."""
        return tuple(re.findall(r"^  - id: (\S+)$", self.text, re.MULTILINE))

    def replaced(self, old: str, new: str) -> "Example":
        """The same with another value in one place."""
        assert self.text.count(old) == 1, old
        return Example(self.text.replace(old, new))

    def quiet(self, hours: Hours) -> "Example":
        """The same with other quiet hours."""
        assert _HOURS.search(self.text)
        return Example(_HOURS.sub(f"from: {hours.start:%H:%M}, to: {hours.end:%H:%M}, tz: Asia/Shanghai", self.text))


def read_examples() -> dict[tuple[str, ...], Example]:
    """Every example of the page by the ids of its rules, in the page's order."""
    examples = map(Example, _YAML.findall(PAGE.read_text()))
    return {example.ids: example for example in examples}


def bind(*examples: Example) -> str:
    """One file of several: each section holds what it holds in all of them."""
    sections: dict[str, str] = {}
    for example in examples:
        before, *parts = _SECTION.split(example.text)
        assert not before
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            sections[name] = sections.get(name, "") + body.rstrip("\n") + "\n\n"
    return "".join(f"{name}:\n{body}" for name, body in sections.items())


class Kitchen:
    """A service at work, and what can be seen of it: its `/v1`, its folder of downloads, who was told."""

    def __init__(self, service: Service, gateways: dict[str, Gateway], letters: Letterbox) -> None:
        self.service = service
        self.gateways = gateways
        self.letters = letters
        self._file = service.directory / "ringback.yaml"
        self._head = re.split(r"^(?:rules|limits|tests):", self._file.read_text(), maxsplit=1, flags=re.MULTILINE)[0]

    def take_up(self, written: str) -> None:
        """Change the rules while the service runs, and wait until they hold."""
        before = self.rules()["file"]
        self.write(written)

        def taken() -> bool:
            file = self.rules()["file"]
            assert not file["mistakes"], file["mistakes"]
            return bool(file["version"] != before["version"])

        wait_until(taken, "the changed file is taken up")

    def write(self, written: str) -> None:
        """Change the file, and have the service look at it now."""
        self._file.write_text(self._head + written)
        self.service.signal(signal.SIGHUP)

    def order(self, prompt: str, *tags: str, **wanted: Any) -> str:
        """Open a task with these tags; gives its id."""
        return self.service.submit(prompt, tags=list(tags), **wanted)

    def cook(self, *dishes: Dish) -> None:
        """Order all of them, then look at one after the other; at what was ordered first, last."""
        for dish in dishes:
            next(dish)
        for dish in reversed(dishes):
            assert next(dish, "done") == "done"

    def ended(self, task_id: str) -> dict[str, Any]:
        """The task, once it has ended."""
        return self.service.task(task_id, wait=30)

    def tasks(self, root: str) -> list[dict[str, Any]]:
        """The chain under this root, once it has settled; the root first."""
        self.service.task(root, wait=30, **{"for": "chain"})
        return list(self.get(f"/v1/tasks/{root}/chain")["tasks"])

    def clicked(self, task_id: str) -> list[str]:
        """The buttons that were clicked on a task whose chain has settled."""
        tasks = self.tasks(task_id)
        return [each["button"] for each in tasks if each["parent_id"] == task_id and each["button"]]

    def firings(self, task_id: str) -> dict[str, dict[str, Any]]:
        """What rules decided about a task, by rule."""
        return {each["rule"]: each for each in self.get(f"/v1/tasks/{task_id}/firings")["firings"]}

    def rules(self) -> dict[str, Any]:
        return self.get("/v1/rules")

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.service.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def await_file(self, path: str) -> bytes:
        """What lies in the folder of downloads at this path, once it does."""
        file = self.service.directory / "downloads" / path
        wait_until(file.exists, f"there is a file {path}")
        return file.read_bytes()

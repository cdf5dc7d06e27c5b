"""`tests:` of the file: a task that is given, and what the rules are expected to do about it. Pure.

The reactor that decides is the one that decides live. Nothing was bought before, nothing is paused, and prices are no
matter; where no time is given, it is not quiet.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, assert_never

from service.rules.hindsight.replay import Replay
from service.rules.match import ClauseResult
from service.rules.reactor import Reactor, make_subject
from service.rules.rulebook import THEN, Rulebook
from service.written.mistakes import Mistake, quoted
from storage.reactions import Action, Click, Decision, Download, Notify, Refused, Resubmit, Spending, Submit, Tag
from storage.records import Button, Chain, Task

NOTHING: Final = "nothing"
MOST_FAILURES: Final = 100
MOST_WORK: Final = 100_000  # decisions and their actions, of all tests together: a second or two
TOO_MANY: Final = f"more than {MOST_FAILURES} expectations are not met; these are the first"
TOO_MUCH: Final = (
    f"up to here rules decide and act more than {MOST_WORK:,} times, and the tests that follow are not run;"
    " give fewer tests, or let the rules' match say more"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What one rule should do."""

    line: int
    column: int
    items: tuple[str, ...]  # "click U1", "blocked: depth"; none: it should do nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One item of `tests:`."""

    file: str
    line: int
    column: int
    event: str
    task: Task
    then: tuple[str, ...]
    chain: Chain
    kept: Mapping[str, Task]  # those whose pictures the chain has, by id
    now: int | None  # ms; None: at no quiet time
    expected: Mapping[str, Expectation]  # by rule


class _Given:
    """The past of a trial (`service.rules.hindsight.past.Past`): what it gives, and nothing else."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def then(self, task_id: str) -> tuple[str, ...]:  # noqa: ARG002 — there is one task
        return self._trial.then

    def task(self, task_id: str) -> Task:
        return self._trial.kept[task_id]

    def chain(self, root_id: str) -> Chain:  # noqa: ARG002 — there is one chain
        return self._trial.chain

    def mode(self, task_id: str) -> str | None:  # noqa: ARG002
        return None

    def has_click(self, task: Task, button: Button, now: int) -> bool:  # noqa: ARG002
        return False

    def was_refused(self, task: Task, button: Button, now: int) -> bool:  # noqa: ARG002
        return False

    def is_answered(self, task: Task, now: int) -> bool:  # noqa: ARG002
        return False

    def list_spending(self, rule: str, root_id: str) -> list[Spending]:  # noqa: ARG002
        return []

    def count_firings(self, rule: str, root_id: str) -> int:  # noqa: ARG002
        return 0


def run_trials(rulebook: Rulebook, trials: Sequence[Trial]) -> list[Mistake]:
    """Every expectation that the rules do not meet, with its place; none when all is as expected.

    It ends early where there are more failures than anybody mends at once, or more to decide than takes seconds.
    """
    loud, quiet = _make_reactor(rulebook), _make_reactor(_without_quiet_hours(rulebook))
    failures: list[Mistake] = []
    work = 0
    for trial in trials:
        reactor = quiet if trial.now is None else loud
        replay = Replay(reactor, _Given(trial))
        replay.now = trial.now or trial.task.updated_at
        found = dict(replay.decide(trial.event, trial.task))
        failures += islice(_compare(trial, reactor, found, replay), MOST_FAILURES + 1 - len(failures))
        work += sum(1 + len(decision.actions) for decision in found.values())
        if len(failures) > MOST_FAILURES:
            return [Mistake(trial.file, None, None, TOO_MANY), *failures[:MOST_FAILURES]]
        if work > MOST_WORK:
            return [*failures, Mistake(trial.file, trial.line, trial.column, TOO_MUCH)]
    return failures


def _make_reactor(rulebook: Rulebook) -> Reactor:
    return Reactor(rulebook, price=lambda _gateway, _action, _mode: 0.0)


def _without_quiet_hours(rulebook: Rulebook) -> Rulebook:
    rules = tuple(replace(rule, quiet_hours=None) for rule in rulebook.rules)
    return replace(rulebook, rules=rules, limits=replace(rulebook.limits, quiet_hours=None))


def _compare(trial: Trial, reactor: Reactor, found: Mapping[str, Decision], replay: Replay) -> Iterator[Mistake]:
    for rule_id, expectation in trial.expected.items():
        items = describe(found[rule_id]) if rule_id in found else ()
        if not _meets(expectation.items, items):
            message = f"{rule_id}: expected {_join(expectation.items)}, found {_join(items)}"
            why = _tell_why(reactor, rule_id, found.get(rule_id), trial, replay)
            yield Mistake(trial.file, expectation.line, expectation.column, f"{message}{why}")
    for rule_id, decision in found.items():
        if rule_id not in trial.expected and decision.outcome != "blocked":
            message = f"{rule_id}: nothing is expected of it, found {_join(describe(decision))}"
            yield Mistake(trial.file, trial.line, trial.column, message)


def describe(decision: Decision) -> tuple[str, ...]:
    """A decision as `expect` writes it: whether it is blocked or waits, and what it does or would do."""
    actions = tuple(item for action in decision.actions for item in _describe(action))
    return actions if decision.outcome == "fired" else (f"{decision.outcome}: {decision.reason}", *actions)


def _describe(action: Action) -> Iterator[str]:
    match action:
        case Click(button=button):
            yield f"click {button.label or button.emoji or button.custom_id}"
        case Submit(new=new):
            yield f"submit {new.prompt}"
        case Resubmit():
            yield "resubmit"
        case Tag(tags=tags, root=root):
            yield from (f"tag root {tag}" if root else f"tag {tag}" for tag in tags)
        case Notify(text=text):
            yield f"notify {text}"
        case Download(path=path):
            yield f"download {path}"
        case Refused(wanted=wanted):
            yield "refused " + " ".join(str(part) for part in wanted.values())
        case _ as never:
            assert_never(never)


def _meets(expected: Sequence[str], found: Sequence[str]) -> bool:
    """Whether these are those. An action without more stands for any of its kind; so does "blocked: depth" alone."""
    if (
        len(expected) == 1
        and found
        and expected[0] == found[0]
        and found[0].partition(":")[0] in ("blocked", "deferred")
    ):
        return True
    pairs = zip(expected, found, strict=False)
    return len(expected) == len(found) and all(one in (other, other.partition(" ")[0]) for one, other in pairs)


def _tell_why(reactor: Reactor, rule_id: str, decision: Decision | None, trial: Trial, replay: Replay) -> str:
    """Why a rule did not do what was expected of it, where that can be said."""
    if decision is not None:
        return f" ({decision.detail})" if decision.detail else ""
    rule = reactor.find(rule_id)
    if rule_id == THEN or rule is None:
        return ""
    if rule.on != trial.event:
        return f": it is on {rule.on} (line {rule.line}), and this is {trial.event}"
    missed = [each for each in rule.match.explain(make_subject(trial.event, trial.task, replay)) if not each.ok]
    return f": {'; '.join(map(_tell_missed, missed))}"


def _tell_missed(clause: ClauseResult) -> str:
    if clause.field in ("any", "not"):
        return f"line {clause.line}: {clause.field}: {'none' if clause.field == 'any' else 'all'} of it holds"
    found = clause.found if isinstance(clause.found, list | tuple) else [] if clause.found is None else [clause.found]
    told = ", ".join(quoted(str(each)) for each in found) or NOTHING
    return f"line {clause.line}: {clause.field} {clause.operator} {clause.expected!r}, found {told}"


def _join(items: Sequence[str]) -> str:
    return ", ".join(items) or NOTHING

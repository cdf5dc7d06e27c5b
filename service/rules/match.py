"""Whether a task is meant by a rule, and clause by clause why (not). Pure, and quick: about 2 µs per rule.

A Match is made once, by `service.rules.reading.match`, when the file is loaded. Deciding and explaining run the same
tests on the same values, so an explanation cannot disagree with what happened.
"""

from dataclasses import dataclass
from typing import Any

from service.rules.fields import Read
from service.rules.operators import Test
from service.rules.subject import Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class ClauseResult:
    """What one clause expected of a task, and what was there."""

    line: int  # in ringback.yaml
    field: str  # a field; "any" or "not" for a group
    operator: str  # "is" where a plain value or a list stands; "" for a group
    expected: Any  # as it is written; `${NAME}` is never filled in here
    found: Any  # None when the field is missing; None for a group
    ok: bool
    parts: tuple[tuple["ClauseResult", ...], ...] = ()  # of a group: the clauses of each of its matches


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """One field against one operator."""

    line: int
    field: str
    operator: str
    expected: Any  # for showing
    exact: tuple[str, ...] = ()  # texts of which the field must be one; empty when the clause says less than that
    read: Read
    test: Test

    def holds(self, subject: Subject) -> bool:
        return self.test(self.read(subject))

    def explain(self, subject: Subject) -> ClauseResult:
        found = self.read(subject)
        return ClauseResult(
            line=self.line,
            field=self.field,
            operator=self.operator,
            expected=self.expected,
            found=found,
            ok=self.test(found),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyOf:
    """`any:` — at least one of these matches."""

    line: int
    matches: tuple["Match", ...]

    def holds(self, subject: Subject) -> bool:
        for match in self.matches:  # noqa: SIM110 — as in `Match.matches`
            if match.matches(subject):
                return True
        return False

    def explain(self, subject: Subject) -> ClauseResult:
        parts = tuple(match.explain(subject) for match in self.matches)
        return _group(self.line, "any", parts, ok=any(_all_ok(part) for part in parts))


@dataclass(frozen=True, kw_only=True, slots=True)
class NoneOf:
    """`not:` — this does not match."""

    line: int
    match: "Match"

    def holds(self, subject: Subject) -> bool:
        return not self.match.matches(subject)

    def explain(self, subject: Subject) -> ClauseResult:
        part = self.match.explain(subject)
        return _group(self.line, "not", (part,), ok=not _all_ok(part))


@dataclass(frozen=True, slots=True)
class Match:
    """Clauses that must all hold; without any, every task is meant."""

    clauses: tuple[Clause | AnyOf | NoneOf, ...] = ()

    def matches(self, subject: Subject) -> bool:
        """Whether every clause holds; stops at the first that does not."""
        for clause in self.clauses:  # noqa: SIM110 — a generator would double the time of the usual early no
            if not clause.holds(subject):
                return False
        return True

    def explain(self, subject: Subject) -> tuple[ClauseResult, ...]:
        """Every clause with what it expected and what was there; the task is meant when all are ok."""
        return tuple(clause.explain(subject) for clause in self.clauses)


def _group(line: int, name: str, parts: tuple[tuple[ClauseResult, ...], ...], *, ok: bool) -> ClauseResult:
    return ClauseResult(line=line, field=name, operator="", expected=None, found=None, ok=ok, parts=parts)


def _all_ok(results: tuple[ClauseResult, ...]) -> bool:
    return all(result.ok for result in results)

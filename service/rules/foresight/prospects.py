"""What is known of a task before it exists: what a rule will open, and which clauses could hold of it.

What a click opens, and what a follow-up inherits, is known in part; where it is not known, the answer is "it could".
Tags are added as a task goes on, by `tag` and by people, so mostly only that it has some of them can be known. Of what
is submitted with tags of its own, those are known that rules could add to it: what people tag besides is no loop.
"""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from hooks.buttons import actions_of_label, synthesise_button
from hooks.prompts import parse_params
from service.rules.actions import ClickAction, SubmitAction, TagAction
from service.rules.limits import DEPTH_CEILING
from service.rules.match import Clause, Match
from service.rules.rulebook import Rule

MOST_RETRIES: Final = 100  # attempts that are looked at; a fuse blows long before
SUBMITTED: Final = "IMAGINE"  # what `submit` opens

# What a follow-up takes over from its parent unchanged (`storage.openings`), and what a retry does besides.
_INHERITED: Final = ("gateway", "state", "root_id")
_OF_PROMPT: Final = ("prompt", "params")
_KEPT: Final = (*_INHERITED, *_OF_PROMPT, "action", "button", "parent_id")
_SOMETHING: Final = "?"  # stands for a value of which only the being there is known


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """What is known of a task before it exists."""

    values: dict[str, tuple[Any, ...]]  # every value that a field can have; a field of unknown value is not there
    tags: tuple[str, ...] = ()  # tags that it surely has
    most_tags: tuple[str, ...] | None = None  # with those that rules could add to it; None when it may have any others
    present: frozenset[str] = frozenset()  # fields of unknown value that surely have one
    params: dict[str, str | bool] | None = None  # of a prompt that is known
    is_root: bool = False

    def retried(self, origins: Collection[str]) -> "Prospect":
        """The same, asked for once more or many times by any of these."""
        values = {name: value for name, value in self.values.items() if name != "retry_of"}
        values |= {"origin": tuple(origins), "attempt": tuple(range(2, MOST_RETRIES))}
        return replace(self, values=values, present=self.present | {"retry_of"}, is_root=False)

    def could_hold(self, clause: Clause) -> bool:
        """Whether the clause could be true of such a task."""
        if clause.field == "tags":
            if self.most_tags is not None:  # what holds of some of them holds of the fewest or of the most
                return clause.test(self.tags) or clause.test(self.most_tags)
            # Others can make any operator true but these.
            return clause.operator not in ("not", "exists") or not self.tags or clause.test(self.tags)
        return self._test(clause, any, unknown=True)

    def must_hold(self, clause: Clause) -> bool:
        """Whether the clause is true of every such task."""
        if clause.field == "tags":
            return clause.operator != "not" and bool(self.tags) and clause.test(self.tags)
        return self._test(clause, all, unknown=False)

    def look_at(self, field: str) -> Hashable:
        """All that a clause on this field can see of it: where two are equal, the clause says the same of both."""
        if field == "tags":
            return self.tags, self.most_tags
        return self._find_values(field), field in self.present

    def _test(self, clause: Clause, quantify: Callable[[Iterable[bool]], bool], *, unknown: bool) -> bool:
        if (known := self._find_values(clause.field)) is not None:
            return quantify(map(clause.test, known))
        if clause.field in self.present and clause.operator == "exists":
            return clause.test(_SOMETHING)
        return unknown

    def _find_values(self, field: str) -> tuple[Any, ...] | None:
        """Every value that the field can have; None where that is not known."""
        if self.params is not None and field.startswith("params.") and field not in self.values:
            return (self.params.get(field.removeprefix("params.")),)
        return self.values.get(field)


def expect_root(action: str) -> Prospect:
    """What somebody submits, or a gateway's task that is adopted."""
    known = {"action": (action,), "depth": (0,), "attempt": (1,), "parent_id": (None,), "retry_of": (None,)}
    return Prospect(values=known, is_root=True)


def find_added_tags(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The tags that any of the rules adds to a task that is no root."""
    return tuple({tag for rule in rules for action in rule.do if isinstance(action, TagAction) for tag in action.tags})


def expect_children(rule: Rule, added_tags: tuple[str, ...]) -> list[tuple[Prospect, int]]:
    """The sorts of tasks that the rule opens one hop deeper, and how many of each at once.

    `added_tags` are all that rules could add to them (`find_added_tags`).
    """
    found: dict[Any, tuple[Prospect, int]] = {}
    for action in rule.do:
        if isinstance(action, SubmitAction):
            found[len(found)] = (_expect_submitted(rule, action, added_tags), 1)
        if isinstance(action, ClickAction):
            for label in action.labels:
                # Many labels open the same sort of child; each sort is looked at once.
                button = synthesise_button(label)
                actions = actions_of_label(label)
                sort = (actions, button, action.prompt)
                _, count = found.get(sort, (None, 0))
                index = None if button is None else (button.index,)
                found[sort] = (_expect_clicked(rule, actions, index, answered=action.prompt is not None), count + 1)
    return list(found.values())


def expect_retry(rule: Rule) -> Prospect:
    """What the rule's `resubmit` opens, whatever it is that ended badly."""
    values, tags = _exact(rule.match, _KEPT)
    return Prospect(values=values, tags=tags).retried([f"rule:{rule.id}"])


def _expect_clicked(
    rule: Rule, actions: tuple[str, ...], index: tuple[int | None] | None, *, answered: bool
) -> Prospect:
    values, tags = _exact(rule.match, _INHERITED if answered else _INHERITED + _OF_PROMPT)
    values |= _first_attempt(rule)
    if actions:
        values["action"] = actions
    if index:
        values["index"] = index
    return Prospect(values=values, tags=tags, present=frozenset({"parent_id", "button"}))


def _expect_submitted(rule: Rule, action: SubmitAction, added_tags: tuple[str, ...]) -> Prospect:
    values, tags = _exact(rule.match, _INHERITED)
    values |= _first_attempt(rule)
    values |= {"action": (SUBMITTED,), "button": (None,), "index": (None,)}
    prompt = action.prompt.constant
    if prompt is not None:
        values["prompt"] = (prompt,)
    return Prospect(
        values=values,
        tags=tags if action.tags is None else action.tags,
        most_tags=None if action.tags is None else (*action.tags, *added_tags),
        present=frozenset({"parent_id"}),
        params=None if prompt is None else parse_params(prompt),
    )


def _first_attempt(rule: Rule) -> dict[str, tuple[Any, ...]]:
    return {
        "origin": (f"rule:{rule.id}",),
        "depth": tuple(range(1, DEPTH_CEILING + 1)),
        "attempt": (1,),
        "retry_of": (None,),
    }


def _exact(match: Match, groups: Collection[str]) -> tuple[dict[str, tuple[Any, ...]], tuple[str, ...]]:
    """Of the fields in these groups what a match says for sure, and the tags."""
    values: dict[str, tuple[Any, ...]] = {}
    tags: list[str] = []
    for clause in match.clauses:
        if not isinstance(clause, Clause) or not clause.exact:
            continue
        if clause.field == "tags":
            tags += clause.exact if len(clause.exact) == 1 else ()
        elif clause.field.partition(".")[0] in groups:
            values[clause.field] = clause.exact
    return values, tuple(tags)

"""The most that each rule can open under one submission, told when a file is checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.rules.actions import ClickAction, DownloadAction, NotifyAction, SubmitAction, TagAction, WrittenAction
from service.rules.foresight.growth import find_growth
from service.rules.rulebook import Rulebook
from service.rules.wording import count

OPENS_NOTHING: Final = "opens nothing"
BESIDE: Final = "Per submission means: under one root, beside what people and `then` click."


@dataclass(frozen=True, kw_only=True, slots=True)
class WorstCase:
    """How many tasks a rule can open."""

    per_task: int  # by deciding once
    per_submission: int  # under one root, at all its depths

    def __str__(self) -> str:
        if not self.per_task:
            return OPENS_NOTHING
        return f"up to {count(self.per_task, 'follow-up')} per task, {self.per_submission} per submission"


def find_worst_cases(rulebook: Rulebook) -> dict[str, WorstCase]:
    """The worst case of each rule, by its id."""
    return {
        rule.id: WorstCase(per_task=rule.follow_ups_per_task, per_submission=most)
        for rule, most in zip(rulebook.rules, find_growth(rulebook), strict=True)
    }


def tell_worst_cases(rulebook: Rulebook) -> list[str]:
    """A line for each rule: when it decides, what it does, and what that comes to at worst; then what that means."""
    worst = find_worst_cases(rulebook)
    lines = [f"{rule.id}: on {rule.on}, {_tell_actions(rule.do)}: {worst[rule.id]}" for rule in rulebook.rules]
    return [*lines, BESIDE] if any(each.per_task for each in worst.values()) else lines


def _tell_actions(actions: Sequence[WrittenAction]) -> str:
    return ", ".join(map(_tell_action, actions))


def _tell_action(action: WrittenAction) -> str:
    match action:
        case ClickAction():
            return f"click {', '.join(action.labels)}"
        case SubmitAction():
            return "submit"
        case TagAction():
            return f"tag {', '.join((*action.tags, *action.root_tags))}"
        case NotifyAction():
            return "notify"
        case DownloadAction():
            return "download"
    return "resubmit"

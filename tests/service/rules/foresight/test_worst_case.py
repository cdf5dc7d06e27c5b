"""What is told of a rule's worst case is never less than what it can come to."""

from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks.buttons import actions_of_label, synthesise_button
from hooks.prompts import parse_params
from service.rules.actions import ClickAction, ResubmitAction, SubmitAction, TagAction
from service.rules.fields import ACTIONS
from service.rules.foresight.crowd import Crowd
from service.rules.foresight.growth import find_growth
from service.rules.foresight.loops import find_loops
from service.rules.foresight.prospects import Prospect, expect_children, expect_root, find_added_tags
from service.rules.foresight.worst_case import BESIDE, find_worst_cases, tell_worst_cases
from service.rules.limits import FUSE, Limits
from service.rules.reading.rulebook import read_rulebook
from service.rules.rulebook import Rule, Rulebook
from service.rules.subject import Subject
from service.written.document import Document
from storage.records import Chain, Task


def read(*rules: str, max_depth: int = 4) -> Rulebook:
    lines = "".join(f"  - {{id: r{number}, {rule}}}\n" for number, rule in enumerate(rules))
    document = Document(f"rules:\n{lines}".encode(), file="f", environ={})
    assert document.root is not None, document.source.mistakes
    book = read_rulebook(document.root.mapping(("rules",))["rules"], Limits(max_depth=max_depth))
    assert len(book.rules) == len(rules), document.source.mistakes
    return book


def worst(*rules: str, max_depth: int = 4) -> list[int]:
    return [each.per_submission for each in find_worst_cases(read(*rules, max_depth=max_depth)).values()]


GRID = "on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2, U3, U4]]"
VARY = "on: task.succeeded, match: {action: [IMAGINE, VARIATION]}, do: [click: V1]"
RETRY = "on: task.failed, do: [resubmit: {}], attempts: {max: 2}"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([GRID], [4]),
        ([VARY + ", max_depth: 3"], [3]),
        ([VARY + ", max_depth: 8"], [4]),  # limits.max_depth
        ([VARY + ", budget: {per_root: 2}"], [2]),
        (["on: task.succeeded, match: {action: [IMAGINE, VARIATION]}, do: [click: [V1, V2]], max_depth: 3"], [14]),
        (["on: task.succeeded, match: {action: [IMAGINE, VARIATION]}, do: [click: [V1, V2, V3]], max_depth: 8"], [60]),
        ([RETRY], [2]),
        ([GRID, RETRY], [4, 10]),  # each of five tasks may be asked for twice more, and one of each three succeeds
        ([GRID, RETRY.replace("failed", "lost")], [12, FUSE]),  # what is lost may succeed after all
        (["on: task.failed, match: {attempt: 1}, do: [resubmit: {}]"], [1]),
        ([VARY + ", max_depth: 1", "on: task.succeeded, match: {action: VARIATION}, do: [click: [U1, U2]]"], [1, 4]),
        (["on: chain.settled, do: [submit: {prompt: x}]"], [1]),
        (
            [
                "on: task.succeeded, match: {depth: 0}, do: [click: [Upscale (Subtle), Upscale (Creative)]]",
                "on: task.succeeded, match: {depth: 1, action: UPSCALE}, do: [submit: {prompt: x}]",
            ],
            [2, 2],
        ),
        (["on: task.succeeded, do: [tag: x]"], [0]),
        (["on: task.succeeded, match: {depth: 1}, do: [click: U1]"], [0]),
    ],
)
def test_the_worst_case_is_told(rules: list[str], expected: list[int]) -> None:
    assert worst(*rules) == expected


def test_what_lies_too_deep_for_a_click_is_still_asked_for_again() -> None:
    assert worst(GRID, RETRY, max_depth=1) == [4, 10]


def test_each_rule_has_a_line() -> None:
    assert tell_worst_cases(
        read(
            GRID,
            RETRY,
            'on: chain.settled, do: [tag: {task: a, root: b}, notify: {url: "https://x.org/", text: x}]',
            'on: task.succeeded, match: {depth: 0}, do: [submit: {prompt: x}, download: {to: "{id}"}]',
        )
    ) == [
        "r0: on task.succeeded, click U1, U2, U3, U4: up to 4 follow-ups per task, 8 per submission",
        "r1: on task.failed, resubmit: up to 1 follow-up per task, 20 per submission",
        "r2: on chain.settled, tag a, b, notify: opens nothing",
        "r3: on task.succeeded, submit, download: up to 1 follow-up per task, 1 per submission",
        BESIDE,
    ]


POOL = [
    "on: task.succeeded, do: [click: U1]",
    "on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2, V1]]",
    "on: task.succeeded, match: {action: [IMAGINE, VARIATION], tags: {not: x}}, do: [click: V1, click: 🔄]",
    "on: task.succeeded, match: {action: [REROLL, DESCRIBE]}, do: [click: 🔄]",
    "on: task.succeeded, match: {tags: x}, do: [click: V2], budget: {per_root: 3}",
    "on: task.submitted, match: {index: 1}, do: [submit: {prompt: a dog, tags: [y]}], max_depth: 2",
    "on: task.submitted, match: {depth: {gte: 1}, prompt: {word: cat}}, do: [submit: {prompt: '{prompt}'}]",
    "on: task.succeeded, match: {params.ar: 16:9}, do: [submit: {prompt: a dog --ar 16:9}, click: V1]",
    "on: task.succeeded, match: {not: {params.ar: 16:9}}, do: [tag: x]",
    "on: task.failed, match: {action: IMAGINE}, do: [tag: {root: x}, submit: {prompt: a bird}]",
    "on: task.failed, do: [resubmit: {}], attempts: {max: 2}",
    "on: task.failed, match: {attempt: 1}, do: [resubmit: {}]",
    "on: task.lost, match: {action: {not: VARIATION}}, do: [resubmit: {}], attempts: {max: 3}",
    "on: task.cancelled, match: {origin: {prefix: r}}, do: [resubmit: {}, submit: {prompt: x}], budget: {per_root: 5}",
    "on: task.failed, match: {retry_of: {exists: true}}, do: [submit: {prompt: a cat, tags: []}], max_depth: 3",
    "on: chain.settled, match: {action: IMAGINE}, do: [submit: {prompt: a cat}, click: U4]",
]
LIVES = [
    *(["task.submitted", "task.succeeded"],) * 4,
    *(["task.submitted", "task.failed"],) * 3,
    ["task.cancelled"],
    ["task.submitted", "task.lost"],
    ["task.lost", "task.succeeded"],
    ["task.lost", "task.failed"],
]
STATUS = {"task.succeeded": "SUCCESS", "task.failed": "FAILURE", "task.cancelled": "CANCEL"}


class Life:
    """One submission and all that rules make of it, as chance will have it."""

    def __init__(self, book: Rulebook, chance: Random, action: str, prompt: str) -> None:
        self.book, self.chance = book, chance
        self.tasks: dict[str, Task] = {}
        self.decided: set[tuple[str, str]] = set()
        self.answered: set[str] = set()
        self.opened: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.waiting: list[str] = []
        self.add(
            id="1", root_id="1", gateway="g", action=action, prompt=prompt, origin="api", created_at=0, updated_at=0
        )

    def add(self, **fields: object) -> None:
        task = msgspec.convert({**fields, "params": parse_params(str(fields["prompt"]))}, Task)
        self.tasks[task.id] = task
        self.waiting.append(task.id)

    def run(self) -> Counter[str]:
        while self.waiting:
            task_id = self.waiting.pop(self.chance.randrange(len(self.waiting)))
            for event in self.chance.choice(LIVES):
                status = STATUS.get(event, self.tasks[task_id].status)
                self.tasks[task_id] = msgspec.structs.replace(self.tasks[task_id], status=status)
                self.tell(event, task_id)
            if not self.waiting:
                self.tell("chain.settled", "1")
        return self.opened

    def tell(self, event: str, task_id: str) -> None:
        chain = Chain(
            root_id="1", tasks=len(self.tasks), succeeded={}, failed={}, cancelled={}, retried={}, lost=0, cost=None,
            pictures=(),
        )  # fmt: skip
        for rule in self.book.rules:
            task = self.tasks[task_id]
            fits = rule.on == event and rule.match.matches(Subject(task, chain if event == "chain.settled" else None))
            if fits and (rule.id, task_id) not in self.decided:
                self.decided.add((rule.id, task_id))
                if self.may(rule, task):
                    self.do(rule, task)

    def may(self, rule: Rule, task: Task) -> bool:
        bound = min(self.book.limits.max_depth, rule.max_depth or 8)
        room = (
            rule.budget is None
            or rule.budget.per_root is None
            or (self.opened[rule.id] + rule.follow_ups_per_task <= rule.budget.per_root)
        )
        return (
            not (rule.goes_deeper and task.depth + 1 > bound)
            and not (rule.attempts and task.attempt > rule.attempts.max)
            and self.fired[rule.id] < FUSE
            and room
        )

    def do(self, rule: Rule, task: Task) -> None:
        before = self.opened[rule.id]
        known = msgspec.structs.asdict(task)
        for action in rule.do:
            if isinstance(action, TagAction):
                for whose, tags in ((task.id, action.tags), ("1", action.root_tags)):
                    self.tasks[whose] = msgspec.structs.replace(
                        self.tasks[whose], tags=(*self.tasks[whose].tags, *tags)
                    )
                continue
            child = {"origin": f"rule:{rule.id}", "parent_id": task.id, "depth": task.depth + 1, "status": "NOT_START"}
            child |= {"attempt": 1, "retry_of": None, "tags": self.tasks[task.id].tags}
            if isinstance(action, ClickAction):
                for label in action.labels:
                    button = synthesise_button(label)
                    opens = self.chance.choice(actions_of_label(label))
                    self.open(
                        rule, known | child | {"action": opens, "button": label, "index": button and button.index}
                    )
            if isinstance(action, SubmitAction):
                asked = {
                    "action": "IMAGINE",
                    "prompt": action.prompt.fill(Subject(task)),
                    "button": None,
                    "index": None,
                }
                asked |= {} if action.tags is None else {"tags": action.tags}
                self.open(rule, known | child | asked)
            if isinstance(action, ResubmitAction) and task.id not in self.answered:
                self.answered.add(task.id)
                again = {"retry_of": task.id, "attempt": task.attempt + 1, "origin": f"rule:{rule.id}"}
                self.open(rule, known | again | {"status": "NOT_START"})
        self.fired[rule.id] += self.opened[rule.id] > before

    def open(self, rule: Rule, fields: dict[str, object]) -> None:
        self.opened[rule.id] += 1
        self.add(**fields | {"id": str(len(self.tasks) + 1)})


@given(
    rules=st.lists(st.sampled_from(POOL), min_size=1, max_size=4, unique=True),
    seed=st.integers(0, 10**6),
    action=st.sampled_from(["IMAGINE", "DESCRIBE", "UPSCALE"]),
    prompt=st.sampled_from(["a cat", "a dog --ar 16:9"]),
    max_depth=st.integers(1, 4),
)
def test_nothing_that_happens_is_worse(rules: list[str], seed: int, action: str, prompt: str, max_depth: int) -> None:
    book = read(*rules, max_depth=max_depth) if rules else Rulebook()
    told = find_worst_cases(book)
    opened = Life(book, Random(seed), action, prompt).run()
    assert {rule: number for rule, number in opened.items() if number > told[rule].per_submission} == {}


def growth_one_by_one(book: Rulebook) -> list[int]:
    """The same as `find_growth`, each task and each rule looked at by itself."""
    rules, added = book.rules, find_added_tags(book.rules)

    def could(prospect: Prospect) -> set[int]:
        return {place for place, rule in enumerate(rules) if Crowd([prospect]).find_meant(rule)}

    def count_firings(prospect: Prospect) -> dict[int, int]:
        first, again = could(prospect), {place for place, rule in enumerate(rules) if rule.asks_again}
        if not first & again:
            return dict.fromkeys(first, 1)
        later = could(prospect.retried([f"rule:{rules[place].id}" for place in sorted(again)]))
        asking = {}
        for place in again & (first | later):
            most = rules[place].attempts
            asking[place] = (most.max if most else FUSE) if place in later else 1
        bounded = [number for place, number in asking.items() if rules[place].attempts]
        retries = max(bounded, default=0) + sum(number for place, number in asking.items() if not rules[place].attempts)
        comes_back = any(rules[place].on == "task.lost" for place in asking)
        counts = {}
        for place in first | later:
            on = rules[place].on
            once = on == "chain.settled" or (on == "task.succeeded" and not comes_back)
            counts[place] = asking.get(place, 1 if once else (place in first) + retries * (place in later))
        return counts

    children = [
        (place, number, count_firings(prospect))
        for place, rule in enumerate(rules)
        for prospect, number in expect_children(rule, added)
    ]
    worst = [0] * len(rules)
    for action in (*ACTIONS, "?"):
        fired: Counter[int] = Counter()
        tasks = [(1, count_firings(expect_root(action)))]
        for depth in range(1, book.limits.max_depth + 2):
            here: Counter[int] = Counter()
            for number, firings in tasks:
                for place, count in firings.items():
                    here[place] += number * count
            open_to = {
                place for place, rule in enumerate(rules) if depth <= min(book.limits.max_depth, rule.max_depth or 8)
            }
            fired.update({place: count for place, count in here.items() if place in open_to or rules[place].asks_again})
            tasks = [
                (min(here[place], FUSE) * number, firings) for place, number, firings in children if place in open_to
            ]
        for place, rule in enumerate(rules):
            opened = min(fired[place], FUSE) * rule.follow_ups_per_task
            budget = rule.budget.per_root if rule.budget else None
            worst[place] = max(worst[place], opened if budget is None else min(opened, budget))
    return worst


@given(rules=st.lists(st.sampled_from(POOL), max_size=8, unique=True), max_depth=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_counting_alike_tasks_together_changes_nothing(rules: list[str], max_depth: int) -> None:
    book = read(*rules, max_depth=max_depth) if rules else Rulebook()
    assert find_growth(book) == growth_one_by_one(book)


def test_a_clause_is_asked_once_about_all_that_look_alike_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    could_hold = Prospect.could_hold
    monkeypatch.setattr(Prospect, "could_hold", lambda self, clause: asked.append(clause) or could_hold(self, clause))
    rule = "on: task.succeeded, match: {action: VARIATION}, max_depth: 8, do: [click: [U1, U2, U3, U4, V1, V2, V3, V4]]"
    find_worst_cases(read(*[rule] * 50, max_depth=8))
    # For each rule: the actions that somebody can ask for, an unknown one, and the two that these buttons open.
    assert len(asked) <= 50 * (len(ACTIONS) + 3)


FREE = [
    "on: task.succeeded, match: {action: DESCRIBE}, do: [click: 🔄]",
    "on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, V1]]",
    "on: task.succeeded, match: {action: UPSCALE}, do: [click: Vary (Subtle)]",
    "on: task.succeeded, match: {action: VARIATION, tags: x}, do: [click: U1]",
    "on: task.succeeded, match: {action: VARIATION}, do: [tag: x]",
    "on: task.succeeded, match: {action: VARIATION, attempt: {gte: 2}}, do: [click: V1]",
    "on: task.failed, match: {action: VARIATION}, do: [resubmit: {}], attempts: {max: 1}",
    "on: task.succeeded, match: {action: IMAGINE, tags: {not: y}}, do: [submit: {prompt: x, tags: [y]}]",
    "on: task.succeeded, match: {action: IMAGINE, tags: y}, do: [submit: {prompt: x, tags: []}]",
    "on: task.submitted, match: {action: IMAGINE, prompt: {word: cat}}, do: [submit: {prompt: a dog}]",
    "on: task.submitted, match: {action: IMAGINE, prompt: {word: dog}}, do: [submit: {prompt: '{prompt} --tile'}]",
    "on: chain.settled, do: [submit: {prompt: a cat}]",
]


@given(
    rules=st.lists(st.sampled_from(FREE), min_size=1, max_size=4, unique=True),
    seed=st.integers(0, 10**6),
    action=st.sampled_from(["IMAGINE", "DESCRIBE", "VARIATION"]),
)
def test_rules_without_a_loop_end_by_themselves(rules: list[str], seed: int, action: str) -> None:
    book = read(*rules, max_depth=8)
    if find_loops(book.rules):
        return
    for number in range(10):
        life = Life(book, Random(seed + number), action, "a cat --ar 16:9")
        life.run()
        # No rule is met twice on the way down.
        assert max(task.depth for task in life.tasks.values()) <= len(rules)

"""What a rule's `do` comes to on one task: written actions become actions of the ledger. Pure.

What cannot be done on this task becomes a Refused, which undoes none of the others.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from hooks.buttons import choose_button
from hooks.errors import CannotClick
from hooks.prompts import parse_params
from service.rules.actions import (
    ClickAction,
    DownloadAction,
    NotifyAction,
    ResubmitAction,
    SubmitAction,
    TagAction,
    WrittenAction,
)
from service.rules.paths import fill_path
from service.rules.subject import Subject
from service.rules.templates import Template
from storage.actions import action_of
from storage.reactions import Action, Click, Download, Notify, Refused, Resubmit, Submit, Tag
from storage.records import NewTask, Task

LONGEST_PROMPT: Final = 20_000  # characters, as of a prompt that a person sends
Price = Callable[[str, str, str | None], float | None]  # of a gateway, an action and a mode


def plan_actions(
    written: Sequence[WrittenAction], subject: Subject, origin: str, *, kept: Sequence[Task]
) -> tuple[Action, ...]:
    """The actions in their order, none of them twice: two names of one button are one click, and only a prompt may be
    meant twice. `kept` are the tasks whose pictures a `download` keeps.
    """
    actions = [action for each in written for action in _plan(each, subject, origin, kept)]
    return tuple(
        action for place, action in enumerate(actions) if isinstance(action, Submit) or action not in actions[:place]
    )


def put_price(action: Action, task: Task, mode: str | None, price: Price) -> Action:
    """The action with what it will cost at the task's gateway; `mode` is the one that the task was submitted in."""
    match action:
        case Click():
            return msgspec.structs.replace(action, cost=price(task.gateway, action_of(action.button.kind), mode))
        case Submit(new=new):
            own = new.request.get("options", {}).get("mode")
            return msgspec.structs.replace(action, cost=price(task.gateway, new.action, own or mode))
        case Resubmit():
            return msgspec.structs.replace(action, cost=price(task.gateway, task.action, mode))
    return action


def _plan(written: WrittenAction, subject: Subject, origin: str, kept: Sequence[Task]) -> Iterator[Action]:
    match written:
        case ClickAction():
            yield from _plan_clicks(written, subject)
        case SubmitAction():
            yield _plan_submit(written, subject, origin)
        case ResubmitAction():
            yield Resubmit()
        case TagAction(tags=tags, root_tags=root_tags):
            if tags:
                yield Tag(tags=tags)
            if root_tags:
                yield Tag(tags=root_tags, root=True)
        case NotifyAction(title=title):
            yield Notify(
                address=written.address,
                title=None if title is None else title.fill(subject),
                text=written.text.fill(subject),
            )
        case DownloadAction():
            yield from _plan_downloads(written, subject, kept)


def _plan_clicks(written: ClickAction, subject: Subject) -> Iterator[Action]:
    answers = written.prompt is not None or written.mask is not None
    prompt, mistake = None, None
    if written.prompt is not None:
        prompt, mistake = _fill_prompt(written.prompt, subject)
    for label in written.labels:
        wanted = {"action": "click", "button": label}
        try:
            button = choose_button(subject.task, label, windows=answers)
        except CannotClick as error:
            yield Refused(wanted=wanted, detail=str(error))
            continue
        if mistake is not None:
            yield Refused(wanted=wanted, detail=mistake)
        else:
            yield Click(button=button, prompt=prompt, mask=written.mask)


def _plan_submit(written: SubmitAction, subject: Subject, origin: str) -> Action:
    prompt, mistake = _fill_prompt(written.prompt, subject)
    if mistake is not None:
        return Refused(wanted={"action": "submit"}, detail=mistake)
    return Submit(
        new=NewTask(
            gateway=subject.task.gateway,
            action="IMAGINE",
            prompt=prompt,
            params=parse_params(prompt),
            origin=origin,
            tags=written.tags,
            parent_id=subject.task.id,
            request={} if written.mode is None else {"options": {"mode": written.mode}},
        )
    )


def _fill_prompt(template: Template, subject: Subject) -> tuple[str, str | None]:
    """The prompt, and what is wrong with it."""
    prompt = template.fill(subject)
    if not prompt.strip():
        return prompt, "the prompt is empty"
    if len(prompt) > LONGEST_PROMPT:
        return prompt, f"the prompt would have {len(prompt)} characters; {LONGEST_PROMPT} are the most"
    return prompt, None


def _plan_downloads(written: DownloadAction, subject: Subject, kept: Sequence[Task]) -> Iterator[Action]:
    found = False
    for task in kept:
        path = fill_path(written.to, msgspec.structs.replace(subject, task=task))
        # A video's picture is only its first frame.
        urls = task.video_urls or ((task.image_url,) if task.image_url else ())
        for number, url in enumerate(urls, 1):
            found = True
            yield Download(task_id=task.id, url=url, path=path if number == 1 else _number(path, number))
    if not found:
        yield Refused(wanted={"action": "download"}, detail="there is no picture to keep")


def _number(path: str, number: int) -> str:
    """The path of the second, third … video of one task: "a/b.mp4" becomes "a/b-2.mp4"."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return f"{folder}{slash}{stem}-{number}.{suffix}" if stem and dot else f"{path}-{number}"

"""`POST /v1/tasks`: whatever can be asked of a gateway, with its pictures."""

import unicodedata
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.errors import HookError
from hooks.prompts import parse_params
from hooks.recipient import Recipient
from service.gateways.actions import ACTIONS, Action, Options, VideoOptions
from service.gateways.attachments import name_attachments
from service.subscriptions.events import find_event_mistake
from service.web.calls import MAX_PICTURES, Call, find_mistakes, read_body
from service.web.creation import Opening, create_once
from service.web.desk import Desk
from service.web.problems import tell_mistakes
from service.web.webhooks import Address
from service.written.mistakes import did_you_mean, quoted
from storage.attachments import Attachment
from storage.errors import NoSuchTask
from storage.openings import open_task
from storage.records import CHAIN_SETTLED, JSON, NewTask, Status, Task
from storage.subscriptions import open_for_task
from storage.tasks import find_by_state, read_task
from storage.transaction import Transaction

LONGEST_PROMPT: Final = 20_000  # characters
LONGEST_OPTIONS: Final = 16 * 1024  # bytes of JSON
DEFAULT_ACTION: Final = "IMAGINE"

LONGEST_TAG: Final = 64  # characters
Tag = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_TAG})]
Origin = Literal["api", "cli"]


class TaskRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens a task."""

    action: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(ACTIONS)})] = DEFAULT_ACTION
    prompt: Annotated[str, msgspec.Meta(max_length=LONGEST_PROMPT)] | None = None  # where the action takes one
    images: tuple[str, ...] = ()  # data URLs, base64 or addresses, as many as the action takes
    options: JSON = {}  # what the action takes besides
    gateway: str | None = None  # a configured gateway, or a group; the default one when left out
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=32)] = ()
    state: Annotated[str, msgspec.Meta(max_length=1000)] | None = None  # yours; given back untouched
    once: bool = False  # not when there is a task with this state already: that one is given, and nothing is spent
    then: Annotated[tuple[str, ...], msgspec.Meta(max_length=8)] = ()  # buttons to click when it succeeds
    webhook_url: str | None = None  # called about this chain alone
    webhook_events: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)] = (CHAIN_SETTLED,)
    origin: Origin = "api"


class OrderCalls:
    """The call that opens a task."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """The call with its description."""
        return [
            Call(
                method="POST",
                path="/v1/tasks",
                handler=self.create,
                summary="Open a task with its submission; answered once both are committed",
                body=TaskRequest,
                creates=True,
                answers={
                    202: ("The task, which will be submitted now", "Task"),
                    200: ("The task that had this state already (`once`); nothing was spent", "Task"),
                },
            )
        ]

    async def create(self, request: Request) -> Response:
        """`POST /v1/tasks`."""
        async with self._desk.turns.take(request):
            wanted = await read_body(request, TaskRequest, longest=MAX_PICTURES)
            return await create_once(self._desk.store, request, wanted, partial(self._prepare, wanted))

    async def _prepare(self, wanted: TaskRequest) -> Opening:
        """Check all that can be wrong with it, then take its pictures."""
        options, mistakes = read_options(wanted)
        mistakes += find_order_mistakes(wanted)
        mistakes += find_tag_mistakes("tags", wanted.tags)
        mistakes += [f"then: {each}" for each in self._desk.check_then(list(wanted.then))]
        if wanted.then and wanted.action == "UPLOAD":
            mistakes.append("then: an upload gives addresses, and nothing to click")
        gateway, group, wrong = self._choose_gateway(wanted.gateway)
        mistakes += wrong
        parent = None
        if isinstance(options, VideoOptions) and options.extend is not None:
            parent, wrong = await self._find_video(options.extend, wanted.gateway and gateway)
            mistakes += wrong
        mistakes += await self._find_webhook_mistakes(wanted)
        if mistakes:
            raise tell_mistakes(mistakes)
        webhook = None
        if wanted.webhook_url is not None:
            webhook = self._desk.webhooks.seal(Recipient(url=wanted.webhook_url))
        try:
            pictures = await self._desk.take_attachments(wanted.images)
        except HookError as error:
            raise tell_mistakes([f"images: {error}"]) from None
        said: JSON = {"options": msgspec.to_builtins(options), "pictures": await name_attachments(pictures)}
        if group is not None and parent is None:
            said["group"] = group
        new = NewTask(
            gateway=gateway,
            action=wanted.action,
            prompt=wanted.prompt,
            params=parse_params(wanted.prompt),
            origin=wanted.origin,
            tags=tuple(dict.fromkeys(wanted.tags)),
            state=wanted.state,
            then=wanted.then,
            parent_id=None if parent is None else parent.id,
            request={name: value for name, value in said.items() if value},
        )
        return partial(_open, new=new, pictures=pictures, wanted=wanted, webhook=webhook)

    async def _find_webhook_mistakes(self, wanted: TaskRequest) -> list[str]:
        mistakes = [f"webhook_events: {wrong}" for each in wanted.webhook_events if (wrong := find_event_mistake(each))]
        if wanted.webhook_url is not None:
            wrong = await self._desk.webhooks.find_url_mistake(wanted.webhook_url)
            return mistakes + ([f"webhook_url: {wrong}"] if wrong else [])
        if wanted.webhook_events != (CHAIN_SETTLED,):
            mistakes.append("webhook_events: they go with a `webhook_url`, which is missing")
        return mistakes

    def _choose_gateway(self, name: str | None) -> tuple[str, str | None, list[str]]:
        """The gateway, the group that it stands for, and what is wrong with the name."""
        gateways, groups = self._desk.gateways, self._desk.groups
        if name is not None and name in groups:
            return groups[name][0], name, []
        gateway = name or gateways[0]
        known = (*gateways, *groups)
        wrong = f"gateway: {quoted(gateway)} is not configured; there is {', '.join(known)}"
        return gateway, None, [] if gateway in gateways else [wrong]

    async def _find_video(self, task_id: str, gateway: str | None) -> tuple[Task | None, list[str]]:
        """The task whose video is to go on, and what is wrong with it."""
        try:
            parent = await self._desk.store.read(read_task, task_id)
        except NoSuchTask as error:
            return None, [f"options.extend: {error}"]
        if parent.status != Status.SUCCESS or parent.gateway_id is None:
            return None, [f"options.extend: only a video that is there can go on; that task is {parent.status}"]
        if gateway not in (None, parent.gateway):
            return None, [
                f"gateway: the video is at {quoted(parent.gateway)}, and goes on there; leave the gateway out"
            ]
        if parent.gateway not in self._desk.gateways:
            return None, [f"options.extend: its gateway, {quoted(parent.gateway)}, is not configured any more"]
        return parent, []


def read_options(wanted: TaskRequest) -> tuple[Options | None, list[str]]:
    """Give the options of its action, and what is wrong with them."""
    action = ACTIONS.get(wanted.action)
    if action is None:
        return None, [f"action: there is no {quoted(wanted.action)}{_hint(wanted.action, ACTIONS)}"]
    try:
        if len(msgspec.json.encode(wanted.options)) > LONGEST_OPTIONS:
            return None, [f"options: they have more than {LONGEST_OPTIONS} bytes"]
        options = msgspec.convert(wanted.options, action.options)
    except msgspec.ValidationError:
        return None, [f"options: {each}" for each in find_mistakes(wanted.options, action.options)]
    if isinstance(options, VideoOptions) and (options.extend is None) != (options.index is None):
        return options, ["options: `extend` and `index`, which of its videos is to go on, belong together"]
    return options, []


def find_order_mistakes(wanted: TaskRequest) -> list[str]:
    """Give what is wrong with the prompt, the number of pictures, and the state."""
    mistakes = [] if wanted.state or not wanted.once else ["once: it goes by the `state`, which is missing"]
    action = ACTIONS.get(wanted.action)
    if action is None:
        return mistakes
    if action.prompt == "none" and wanted.prompt is not None:
        mistakes.append(f"prompt: {action.name} takes none")
    if action.prompt == "required" and not (wanted.prompt or "").strip():
        mistakes.append("prompt: it is missing" if wanted.prompt is None else "prompt: it is blank")
    least, most = action.pictures
    if not least <= len(wanted.images) <= most:
        mistakes.append(f"images: {action.name} takes {_count_pictures(action)}, not {len(wanted.images)}")
    return mistakes


def find_tag_mistakes(name: str, tags: Iterable[str]) -> list[str]:
    """Give what is wrong with tags; `name` is the field in which they came."""
    rule = f"a tag has 1 to {LONGEST_TAG} characters, and no control character among them"
    return [
        f"{name}: {rule}, found {quoted(tag)}"
        for tag in tags
        if not 1 <= len(tag) <= LONGEST_TAG or any(unicodedata.category(letter) == "Cc" for letter in tag)
    ]


def _count_pictures(action: Action) -> str:
    least, most = action.pictures
    if most == 0:
        return "none"
    if least == most:
        return str(most)
    return f"{least} to {most}" if least else f"up to {most}"


def _hint(word: str, known: Mapping[str, Any]) -> str:
    return did_you_mean(word, known) or f"; there is {', '.join(known)}"


def _open(
    tx: Transaction, *, new: NewTask, pictures: list[Attachment], wanted: TaskRequest, webhook: Address | None
) -> tuple[int, Task]:
    if wanted.once and new.state is not None and (standing := find_by_state(tx, new.state)) is not None:
        return 200, standing
    task = open_task(tx, new, pictures)
    if webhook is not None:
        open_for_task(
            tx,
            root_id=task.root_id,
            host=webhook.host,
            sealed=webhook.sealed,
            events=tuple(dict.fromkeys(wanted.webhook_events)),
            format="standard",
            origin="task",
        )
    return 202, task

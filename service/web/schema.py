"""`/openapi.json`: the calls, described from the very table that routes them."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.gateways.actions import ACTIONS
from service.web.api.adoption import Adopted
from service.web.api.deliveries import DeliveryWithAttempts, ShownDelivery
from service.web.api.effects import Retried
from service.web.api.errands import Seed
from service.web.api.gateways import Gateway
from service.web.api.orders import TaskRequest
from service.web.api.past import Applied, ShownBacktest
from service.web.api.pauses import PauseChange, PauseState, RulePauseChange
from service.web.api.rules import RulePage
from service.web.api.upkeep import NewSecret, Recovered
from service.web.api.webhook_secret import WebhookSecret
from service.web.api.why import ShownExplanation
from service.web.calls import MAX_WORDS, Call, Parameter, answer_json
from service.web.problems import ProblemDetails
from service.web.representations import KEPT_BACK, TIMES
from service.web.schema_of_events import REF, describe_events, describe_webhooks
from service.web.subscription_forms import NewSubscription, ShownSubscription
from service.web.webhooks import Tried
from storage.passages import Gap
from storage.reactions import Effect, Firing
from storage.records import Chain, Submission, Task
from storage.usage import Usage

PAGES: Final = {  # what a list is called
    "Task": "tasks",
    "Event": "events",
    "Firing": "firings",
    "Effect": "effects",
    "Submission": "submissions",
    "Gateway": "gateways",
    "Usage": "usage",
    "Adopted": "adopted",
    "Explanation": "explanations",
    "PauseState": "pauses",
    "Subscription": "subscriptions",
    "Delivery": "deliveries",
}


class SchemaCalls:
    """The description of the API, itself a call."""

    def __init__(self, calls: list[Call]) -> None:
        self._others = calls

    def calls(self) -> list[Call]:
        """The call with its description."""
        return [
            Call(
                method="GET",
                path="/openapi.json",
                handler=self.describe,
                summary="This description, OpenAPI 3.1",
                answers={200: ("The description", "OpenAPI")},
            )
        ]

    async def describe(self, _request: Request) -> Response:
        """`GET /openapi.json`."""
        return answer_json(describe_calls([*self._others, *self.calls()]))


def describe_calls(calls: list[Call]) -> dict[str, Any]:
    """Give the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _describe_call(call)
    paths["/hooks/{token}"] = {"post": _describe_hook()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback",
            "version": version("ringback"),
            "summary": "A Midjourney gateway's callbacks as a durable event stream with rules.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "webhooks": describe_webhooks(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": describe_schemas(calls),
        },
    }


def _describe_call(call: Call) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": call.summary,
        "operationId": call.handler.__qualname__.replace("Calls.", "_").lower(),
        "parameters": [_describe_parameter(each) for each in call.parameters],
        "responses": {str(status): _describe_answer(*answer) for status, answer in call.answers.items()},
    }
    if "{id}" in call.path:
        described["parameters"].insert(0, {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    problems = [422] if call.parameters or call.body else []
    if call.public:
        described["security"] = []
    else:
        problems.append(401)
    if call.body is not None:
        described["requestBody"] = {
            "required": call.needs_body,
            "content": {"application/json": {"schema": {"$ref": REF.format(name=call.body.__name__)}}},
        }
        problems += [408, 413, 415, 503]
    if call.creates:
        described["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body give the first answer again; another body is a 409.",
                "schema": {"type": "string", "maxLength": 255},
            }
        )
        problems.append(409)
    if call.stream:
        described["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
        described["parameters"].append(
            {
                "name": "Last-Event-ID",
                "in": "header",
                "schema": {"type": "string"},
                "description": "Stream: go on after it.",
            }
        )
    for status in problems:
        described["responses"].setdefault(str(status), _describe_answer(HTTPStatus(status).phrase, "Problem"))
    return described


def _describe_hook() -> dict[str, Any]:
    answers = {
        200: "It is recorded, durably",
        401: "Not a hook of this service",
        408: "The body did not arrive in time",
        410: "The hook has expired",
        413: "The body is too large",
        422: "The body is not a task",
        503: "It was not recorded; send it again",
    }
    return {
        "summary": "A gateway's callback",
        "operationId": "receive_callback",
        "security": [],
        "parameters": [{"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {
            str(status): _describe_answer(about, "Recorded" if status == 200 else "Problem")
            for status, about in answers.items()
        },
    }


def _describe_answer(about: str, schema: str) -> dict[str, Any]:
    if not schema:
        return {"description": about}
    media_type = "application/problem+json" if schema == "Problem" else "application/json"
    return {"description": about, "content": {media_type: {"schema": {"$ref": REF.format(name=schema)}}}}


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": {"whole": "integer", "seconds": "number"}.get(parameter.kind, "string")}
    if parameter.kind == "time":
        schema["examples"] = ["2026-11-23", "2026-11-23T08:00:00Z"]
    if parameter.kind in ("whole", "seconds"):
        schema["minimum"] = parameter.least
        schema["maximum"] = parameter.most
    if parameter.among:
        schema["enum"] = list(parameter.among)
    if parameter.known:
        schema["examples"] = list(parameter.known)
    if parameter.kind == "list":
        schema = {"type": "array", "items": schema, "maxItems": MAX_WORDS}
    described = {"name": parameter.name, "in": "query", "description": parameter.about, "schema": schema}
    return described | ({"style": "form", "explode": False} if parameter.kind == "list" else {})


def describe_schemas(calls: list[Call]) -> dict[str, Any]:
    """Give every noun that calls take and give, and those of streams and deliveries, by their names."""
    bodies = list(dict.fromkeys(call.body for call in calls if call.body is not None))
    shown = [
        *(Task, Chain, Firing, Effect, Submission, Gateway, Usage, Adopted, Seed, ProblemDetails),
        *(RulePage, PauseState, PauseChange, RulePauseChange, ShownExplanation, ShownBacktest, Applied, Retried, Gap),
        *(ShownSubscription, NewSubscription, ShownDelivery, DeliveryWithAttempts, Tried, Recovered),
        *(NewSecret, WebhookSecret),
    ]
    options = [action.options for action in ACTIONS.values()]
    _, schemas = msgspec.json.schema_components([*shown, *bodies, *dict.fromkeys(options)], ref_template=REF)
    among = [{"$ref": REF.format(name=each.__name__)} for each in dict.fromkeys(options)]
    schemas[TaskRequest.__name__]["properties"]["options"]["anyOf"] = among  # of its action
    for name in KEPT_BACK:
        del schemas["Submission"]["properties"][name]
    for name in ("Task", "Firing", "Effect", "Submission"):
        shown = schemas[name]["properties"]
        # Every field is always shown, and times are shown as text.
        schemas[name]["required"] = list(shown)
        for field in shown.keys() & TIMES:
            shown[field] = {"type": ["string", "null"], "format": "date-time"}
    for name, shown_name in (
        ("Problem", "ProblemDetails"),
        ("Explanation", "ShownExplanation"),
        ("Backtest", "ShownBacktest"),
        ("Subscription", "ShownSubscription"),
        ("Delivery", "ShownDelivery"),
    ):
        schemas[name] = schemas.pop(shown_name)
    schemas |= describe_events()
    for noun, named in PAGES.items():
        page = {
            named: {"type": "array", "items": {"$ref": REF.format(name=noun)}},
            "next": {"type": ["string", "integer", "null"]},
        }
        schemas[f"{noun}Page"] = {"type": "object", "properties": page, "required": list(page)}
    schemas["EventPage"]["properties"]["gap"] = {  # only where there is one
        "description": "what was asked for is not there any more; the page goes on after its `next`",
        "$ref": REF.format(name=Gap.__name__),
    }
    chain = schemas["TaskPage"]["properties"] | {"chain": {"$ref": REF.format(name="Chain")}}
    schemas["ChainPage"] = {"type": "object", "properties": chain, "required": list(chain)}
    withdrawn = {"type": "integer", "description": "tasks taken back before their gateways were asked"}
    cancelled = {"type": "object", "properties": {"withdrawn": withdrawn}, "required": ["withdrawn"]}
    schemas["Cancelled"] = {"allOf": [{"$ref": REF.format(name="Task")}, cancelled]}
    schemas["Recorded"] = {"type": "object", "properties": {"ok": {"const": True}}, "required": ["ok"]}
    schemas["Health"] = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    schemas["OpenAPI"] = schemas["AsyncAPI"] = {"type": "object"}
    return schemas

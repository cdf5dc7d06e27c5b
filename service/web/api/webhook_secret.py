"""`/v1/webhook-secret`: what everything is signed with that has no secret of its own."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.web.api.upkeep import RotateRequest, answer_rotation
from service.web.calls import Call, answer_json, read_optional_body
from service.web.desk import Desk
from storage.webhook_secrets import list_secrets


class PreviousSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One that was replaced and still signs beside the new one."""

    secret: str
    expires_at: str


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The service's own secret."""

    secret: str
    previous: tuple[PreviousSecret, ...]  # newest first
    source: str  # what CloudEvents come from


class WebhookSecretCalls:
    """The calls about the service's own secret."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        return [
            Call(
                method="GET",
                path="/v1/webhook-secret",
                handler=self.read,
                summary="What signs a task's own `webhook_url`, a `notifyHook`, and what the file gives no secret",
                answers={
                    200: ("The secret, and those before it that still sign", "WebhookSecret"),
                    409: ("The key that it is sealed under is gone", "Problem"),
                },
            ),
            Call(
                method="POST",
                path="/v1/webhook-secret/rotate",
                handler=self.rotate,
                summary="Replace it; both sign until the overlap is over",
                body=RotateRequest,
                needs_body=False,
                creates=True,
                answers={200: ("The new secret", "NewSecret")},
            ),
        ]

    async def read(self, _request: Request) -> Response:
        """`GET /v1/webhook-secret`."""
        store, webhooks = self._desk.store, self._desk.webhooks
        newest, *others = await store.read(list_secrets, None)
        previous = tuple(
            PreviousSecret(secret=webhooks.sealer.open(each.sealed), expires_at=str(format_time(each.expires_at)))
            for each in others
            if each.expires_at is not None and each.expires_at > store.now()
        )
        secret = webhooks.sealer.open(newest.sealed)
        return answer_json(WebhookSecret(secret=secret, previous=previous, source=webhooks.source))

    async def rotate(self, request: Request) -> Response:
        """`POST /v1/webhook-secret/rotate`."""
        wanted = await read_optional_body(request, RotateRequest)
        return await answer_rotation(self._desk, request, None, wanted)

"""Telling somebody: a URL says whom. Chats' own bots and plain webhooks are POSTed to; apprise reaches all others."""

import asyncio
import time
from typing import Any, Final

import httpx
import msgspec

from hooks.bots import Bot, find_bot
from hooks.errors import HookError
from hooks.guard import read_host
from hooks.messages import Failure, Message, tame, unlink
from hooks.messengers import Messengers, find_messenger, find_scheme, is_final

DEADLINE: Final = 30.0  # seconds in all
LONGEST_ANSWER: Final = 64 * 1024  # bytes of a bot's answer that are read
INSTALL: Final = "install ringback[notify] to tell {}://"


def find_address_mistake(url: str) -> str | None:
    """Why nobody can be told at this URL; None when somebody can. It calls nobody, and says nothing that is secret."""
    scheme = find_scheme(url)
    if scheme is None or not url.isprintable():
        return "expected a URL that says whom to tell: https://…, slack://…, mailto://…"
    if find_bot(url) is not None:
        return None
    if scheme in ("http", "https"):
        try:
            read_host(httpx.URL(url))
        except HookError as error:
            return str(error)
        except (httpx.InvalidURL, ValueError):
            return "that is not a URL that can be called"
        return None
    try:
        messenger = find_messenger(url)
    except ModuleNotFoundError:
        return INSTALL.format(scheme)
    return (
        None
        if messenger
        else f"nobody can be told at this {scheme}:// URL; appriseit.com/services shows how to write it"
    )


class Herald:
    """Tells people and systems. `client` is a `hooks.clients.target_client`; `deadline` is seconds for each message."""

    def __init__(self, client: httpx.AsyncClient, *, deadline: float = DEADLINE) -> None:
        self._client = client
        self._deadline = deadline
        self._messengers = Messengers()

    async def send(self, url: str, message: Message) -> Failure | None:
        """Tell a message to who is at the URL. None when it was taken."""
        message = tame(message)
        if (bot := find_bot(url)) is not None:
            return await self._tell_bot(bot, unlink(message))
        try:
            messenger = await asyncio.to_thread(find_messenger, url)
        except ModuleNotFoundError:
            messenger = None
        if messenger is not None:
            return await self._messengers.send(messenger, unlink(message), deadline=self._deadline)
        if find_scheme(url) not in ("http", "https"):
            return Failure(detail=find_address_mistake(url) or "nobody can be told at this URL", final=True)
        body = {**message.data, "title": message.title, "text": message.text}
        answer = await self._post(url, body)
        return answer if isinstance(answer, Failure) else None

    async def _tell_bot(self, bot: Bot, message: Message) -> Failure | None:
        answer = await self._post(*bot.write(message, time.time()))
        return answer if isinstance(answer, Failure) else bot.read(answer)

    async def _post(self, url: str, body: dict[str, Any]) -> bytes | Failure:
        """The beginning of the answer to a POST of JSON, when it is one that takes it."""
        headers = {"Content-Type": "application/json", "User-Agent": "Ringback"}
        try:
            request = self._client.build_request("POST", url, content=msgspec.json.encode(body), headers=headers)
            host = request.url.host
        except (httpx.InvalidURL, ValueError):
            return Failure(detail="that is not a URL", final=True)
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._client.send(request, stream=True)
                try:
                    if not response.is_success:
                        return _read_refusal(host, response)
                    return await _read_beginning(response)
                finally:
                    await response.aclose()
        except HookError as error:
            return Failure(detail=str(error), final=False)  # what may be called is a setting
        except (TimeoutError, httpx.TimeoutException):
            return Failure(detail=f"{host} did not answer in time", final=False)
        except httpx.ConnectError as error:
            return Failure(detail=f"{host} could not be reached: {error}", final=False)
        except httpx.HTTPError:
            return Failure(detail=f"{host} broke off, or does not speak HTTP", final=False)


def _read_refusal(host: str, response: httpx.Response) -> Failure:
    status = response.status_code
    if response.has_redirect_location:
        detail = f"{host} sends us on to another address (HTTP {status}); give that one"
        return Failure(detail=detail, final=True)
    detail = f"{host} answers HTTP {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
    return Failure(detail=detail, final=is_final(status))


async def _read_beginning(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > LONGEST_ANSWER:
            break  # nothing that matters is that long
    return bytes(content)

"""Slack, Discord, Telegram, e-mail and all else that apprise reaches, where it is installed: `ringback[notify]`.

apprise blocks: each message has a thread of its own, and the event loop waits for it as long as it likes.
"""

import asyncio
import importlib
import logging
import re
import threading
import warnings
from concurrent.futures import Future
from functools import cache
from typing import Any, Final

from hooks.messages import Failure, Message

THREADS: Final = 8  # messages under way at once; one that hangs keeps its place until it ends
READ_TIMEOUT: Final = 15.0  # seconds for each read
FULL: Final = "too many other messages are being sent"

_loading = threading.Lock()
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")  # how apprise's lines end when a service answers so


def load_apprise() -> Any:
    """The module, silenced; None where it is not installed. The first time takes half a second."""
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        return None
    with _loading:
        _load_services()
    return apprise


@cache
def _load_services() -> None:
    # Their lines quote URLs, and a token is a part of those. What matters comes back as a Failure.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    logging.getLogger("apprise").propagate = False
    logging.getLogger("apprise").setLevel(logging.WARNING)
    for chatty in ("urllib3", "requests"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # e-mail imports imghdr, which Python 3.13 is without
        importlib.import_module("apprise.plugins").url_to_dict("json://localhost")


def find_scheme(url: str) -> str | None:
    """The scheme of a URL, in lower case; None where there is none."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else None


def find_messenger(url: str) -> Any:
    """What apprise makes of a URL: one of its services, or None. Raises ModuleNotFoundError without apprise.

    It quotes no picture of its own, follows no redirect, keeps nothing on disk, and cuts what is too long.
    """
    apprise = load_apprise()
    if apprise is None:
        raise ModuleNotFoundError("install ringback[notify]")
    parts = importlib.import_module("apprise.plugins").url_to_dict(url)
    if not parts:
        return None
    asset = apprise.AppriseAsset(
        app_id="Ringback",
        app_desc="Ringback",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
        service_timeout=0,
    )
    return apprise.Apprise.instantiate({"overflow": "truncate", "rto": READ_TIMEOUT, **parts}, asset=asset)


class Messengers:
    """Sends through apprise; `threads` messages at once."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self._places = threading.BoundedSemaphore(threads)

    async def send(self, messenger: Any, message: Message, *, deadline: float) -> Failure | None:
        """Send a message by what `find_messenger` gave; `deadline` is seconds. None: the service has taken it."""
        if not self._places.acquire(blocking=False):
            return Failure(detail=FULL, final=False)
        sent: Future[Failure | None] = Future()
        sent.set_running_or_notify_cancel()
        # A daemon: a server that never ends would otherwise keep the whole process from ending.
        threading.Thread(target=self._work, args=(messenger, message, sent), name="messenger", daemon=True).start()
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.wrap_future(sent)
        except TimeoutError:
            return Failure(detail=f"{messenger.service_name} did not take it in time", final=False)

    def _work(self, messenger: Any, message: Message, sent: Future[Failure | None]) -> None:
        try:
            failure = _send(messenger, message)
        except Exception as error:  # a plugin's own mistake; what it says may quote the URL
            failure = Failure(detail=f"{messenger.service_name} failed with {type(error).__name__}", final=False)
        finally:
            self._places.release()
        sent.set_result(failure)


def _send(messenger: Any, message: Message) -> Failure | None:
    apprise = importlib.import_module("apprise")
    sender = apprise.Apprise(asset=messenger.asset)
    sender.add(messenger)
    # As plain text, so that what means something to the service is escaped, and nothing in it is looked at.
    result = sender.notify(body=message.text, title=message.title, body_format="text", interpret_escapes=False)
    if result:
        return None
    status = next((int(found[1]) for entry in result.logs() if (found := _STATUS.search(entry.message))), None)
    if status is None or status < 400:
        return Failure(detail=f"{messenger.service_name} could not be reached, or did not take it", final=False)
    return Failure(detail=f"{messenger.service_name} answers {status}", final=is_final(status))


def is_final(status: int) -> bool:
    """Whether an HTTP status says that trying again is of no use."""
    return 400 <= status < 500 and status not in (408, 425, 429)

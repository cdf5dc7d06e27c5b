"""The bots of Feishu, Lark, DingTalk and WeCom: what each wants to be sent, and what its answer means. Pure.

All of them answer HTTP 200 to what they refuse, and say so in a body that apprise does not read: a message would be
lost in silence. What they take is told at open.feishu.cn/document/client-docs/bot-v3/add-custom-bot,
open.dingtalk.com/document/robots/custom-robot-access and developer.work.weixin.qq.com/document/path/91770.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec

from hooks.messages import Failure, Message, cut_bytes, hide_url

# Codes that pass by themselves: too many messages (Feishu, WeCom, DingTalk), or a busy system.
BUSY: Final = frozenset({-1, 11232, 45009, 130101})

_Sign = Callable[[str, float], tuple[dict[str, str], dict[str, str]]]


def _sign_feishu(secret: str, now: float) -> tuple[dict[str, str], dict[str, str]]:
    stamp = str(int(now))
    return {}, {"timestamp": stamp, "sign": _digest(f"{stamp}\n{secret}", "")}


def _sign_dingtalk(secret: str, now: float) -> tuple[dict[str, str], dict[str, str]]:
    stamp = str(int(now * 1000))
    return {"timestamp": stamp, "sign": _digest(secret, f"{stamp}\n{secret}")}, {}


def _digest(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode("ascii")


def _write_feishu(text: str) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": text}}


def _write_others(text: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": text}}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    service: str
    scheme: str  # apprise's; its URLs are understood as well
    host: str
    path: str
    token: str = ""  # the query's name for the token; "" where it ends the path
    longest: int  # bytes of text that it takes
    write: Callable[[str], dict[str, Any]] = _write_others
    sign: _Sign | None = None  # what a secret adds to the query and to the body


_FEISHU: Final = "/open-apis/bot/v2/hook/"
_KINDS: Final = (
    _Kind(
        service="Feishu",
        scheme="feishu",
        host="open.feishu.cn",
        path=_FEISHU,
        longest=18_000,
        write=_write_feishu,
        sign=_sign_feishu,
    ),
    _Kind(
        service="Lark",
        scheme="lark",
        host="open.larksuite.com",
        path=_FEISHU,
        longest=18_000,
        write=_write_feishu,
        sign=_sign_feishu,
    ),
    _Kind(
        service="DingTalk",
        scheme="dingtalk",
        host="oapi.dingtalk.com",
        path="/robot/send",
        token="access_token",  # noqa: S106 — the name of a parameter
        longest=18_000,
        sign=_sign_dingtalk,
    ),
    _Kind(
        service="WeCom",
        scheme="wecombot",
        host="qyapi.weixin.qq.com",
        path="/cgi-bin/webhook/send",
        token="key",  # noqa: S106 — the name of a parameter
        longest=2048,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bot:
    """A bot of a group chat."""

    kind: _Kind
    url: str = field(repr=False)  # as the service gives it, without our own `secret=`
    secret: str | None = field(repr=False)  # what messages are signed with

    @property
    def service(self) -> str:
        """What the service is called."""
        return self.kind.service

    def write(self, message: Message, now: float) -> tuple[str, dict[str, Any]]:
        """The URL to POST to, and the JSON to be sent; `now` is seconds since the epoch."""
        text = f"{message.title}\n{message.text}" if message.title else message.text
        body, url = self.kind.write(cut_bytes(text, self.kind.longest)), self.url
        if self.secret and self.kind.sign:
            query, fields = self.kind.sign(self.secret, now)
            body |= fields
            url += f"&{urlencode(query)}" if query else ""
        return url, body

    def read(self, content: bytes) -> Failure | None:
        """What the service's answer means; None when the message was taken."""
        try:
            answer = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.DecodeError:
            return Failure(detail=f"{self.service} answers something that is not its own", final=False)
        code = next((answer[name] for name in ("code", "errcode", "StatusCode") if name in answer), None)
        if code == 0:
            return None
        words = answer.get("msg", answer.get("errmsg", ""))
        said = hide_url(f"code {code} {words}", f"{self.url}&secret={self.secret}")
        return Failure(detail=f"{self.service} does not take it: {said}", final=code not in BUSY)


def find_bot(url: str) -> Bot | None:
    """The bot at a URL: the one that its service shows, or apprise's for it, with `secret=` in the query if it signs.

    None where this is no bot's.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    secret = query.pop("secret", None)
    for kind in _KINDS:
        if parts.scheme == "https" and host == kind.host and parts.path.startswith(kind.path):
            named = f"?{urlencode(query)}" if query else ""
            return Bot(kind=kind, url=f"https://{kind.host}{parts.path}{named}", secret=secret)
        user, _, token = parts.netloc.rpartition("@")  # the host, but as it is written: tokens have capitals
        if parts.scheme == kind.scheme and token and parts.path in ("", "/"):
            end = f"?{kind.token}={quote(unquote(token), safe='')}" if kind.token else quote(unquote(token), safe="")
            return Bot(kind=kind, url=f"https://{kind.host}{kind.path}{end}", secret=secret or unquote(user) or None)
    return None

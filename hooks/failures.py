"""Why a task failed, sorted once: a gateway's words become one of six kinds.

The words are those of midjourney-proxy (novicezk, trueai-org), new-api and Midjourney itself, in two languages.
"""

import re
from typing import Final

from storage.records import Status

# In this order: the first kind whose words occur is the kind.
_WORDS: Final = (
    ("timeout", ("超时", "timeout", "timed out")),
    (
        "moderation",
        ("敏感", "违规", "审核", "违禁", "banned", "moderat", "community standard", "content policy", "nsfw"),
    ),
    ("cancelled", ("取消", "cancel")),
    (
        "quota",
        ("额度", "余额", "次数已达上限", "用完", "quota", "insufficient", "credit", "run out of", "exhausted"),
    ),
    (
        "gateway",
        (
            *("账号", "无可用", "系统异常", "系统错误", "连接", "网络", "队列", "并发"),
            *("account", "instance", "upstream", "connection", "network", "queue", "internal error"),
        ),
    ),
)
_PATTERNS: Final = tuple((kind, re.compile("|".join(map(re.escape, words)), re.IGNORECASE)) for kind, words in _WORDS)


def sort_failure(status: str, reason: str | None) -> str:
    """timeout, moderation, cancelled, quota, gateway or unknown, for a task that ended as FAILURE or CANCEL."""
    for kind, pattern in _PATTERNS:
        if pattern.search(reason or ""):
            return kind
    return "cancelled" if status == Status.CANCEL else "unknown"

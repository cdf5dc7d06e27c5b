"""Reads the bodies of submissions: each becomes an Ask, or an Answer that refuses it."""

from msgspec.structs import replace

from service.simulator.answers import JSON, Answer, Refusal
from service.simulator.clicks import Clicks
from service.simulator.dialect import Dialect
from service.simulator.fields import text
from service.simulator.roots import Roots
from service.simulator.tasks import Ask

_CATCHING = frozenset({"submit/imagine"})  # endpoints that catch their own exceptions


class Clerk:
    """Knows who reads what, and checks what every submission has."""

    def __init__(self, *, dialect: Dialect, roots: Roots, clicks: Clicks) -> None:
        self._dialect = dialect
        self._roots = roots
        self._clicks = clicks
        self._readers = {**roots.readers, **clicks.readers, "submit/video": self._video}

    def read(self, endpoint: str, body: JSON) -> Ask | Answer:
        """What a submission to an endpoint (`submit/imagine`) asks for, or the refusal."""
        dialect, catches = self._dialect, endpoint in _CATCHING
        if dialect.max_state is not None and len(text(body, "state")) > dialect.max_state:
            return dialect.refuse(Refusal.LONG_STATE if catches else Refusal.THROWN_STATE)
        if dialect.max_hook is not None and len(text(body, "notifyHook")) > dialect.max_hook:
            return dialect.refuse(Refusal.LONG_HOOK if catches else Refusal.THROWN_HOOK)
        ask = self._readers[endpoint](body)
        return ask if isinstance(ask, Answer) else replace(ask, endpoint=endpoint.removeprefix("submit/"))

    def _video(self, body: JSON) -> Ask | Answer:
        root = self._roots.read_video(body)
        if isinstance(root, Answer) or not text(body, "taskId"):
            return root
        return self._clicks.read_extend(body, root)

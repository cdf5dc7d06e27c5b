"""Logs: one wide line per unit of work, on stderr, without secrets."""

import logging
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from hooks.blanker import Blanker

# What a terminal obeys instead of showing it, but for the tab and the line's end: C0, DEL, C1, what reverses the
# direction of writing, and Unicode's own line ends.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def configure_logs(level: str, *, secrets: Sequence[str] = ()) -> None:
    """Send structlog's and the libraries' logs to stderr from `level` (debug, info, warning, error) up.

    Hooks' tokens and the given secrets are blanked in every line, and controls of a terminal written as escapes,
    whoever wrote it.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso", utc=True),  # what tells of the past brings its own time
        _drop_nothing,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Lines below the level cost one empty call: each callback has a debug line.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.LogfmtRenderer(
                    key_order=("timestamp", "level", "logger", "event"), drop_missing=True
                ),
                make_finish(Blanker(secrets)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Their lines would quote whole URLs; ours name the task instead.
    for chatty in ("httpx", "httpcore", "uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Stderr(logging.StreamHandler[TextIO]):
    """Where lines go."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 — logging calls it so
        """Say that a line could not be put together, but not its values, as logging itself would."""
        kind = type(sys.exception()).__name__
        with suppress(OSError, ValueError):  # it could not be written because stderr is closed
            self.stream.write(f'level=error logger={record.name} event="a line could not be written" error={kind}\n')


def _drop_nothing(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Leave out what there is nothing to say of: `why=None` would be written as `why=`."""
    return {name: value for name, value in event.items() if value is not None or name.startswith("_")}


def make_finish(blanker: Blanker) -> Callable[[Any, str, Any], str]:
    """The last processor of a line: takes it as rendered, and gives what may be printed and be read by anybody."""

    def finish(_logger: Any, _method: str, line: Any) -> str:
        return _CONTROLS.sub(_escape, blanker.hide(str(line)))

    return finish


def _escape(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode("ascii")

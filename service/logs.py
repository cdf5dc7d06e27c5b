"""Logs: one wide line per unit of work, on stderr, without secrets."""

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog

from hooks.token import TOKEN_PATTERN

HIDDEN = "…"


def configure_logs(level: str, *, secrets: Sequence[str] = ()) -> None:
    """Send structlog's and the libraries' logs to stderr from `level` (debug, info, warning, error) up.

    Hooks' tokens and the given secrets are blanked in every line, whoever wrote it.
    """
    hide = Blanker(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Lines below the level cost one empty call: each callback has a debug line.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.LogfmtRenderer(
                    key_order=("timestamp", "level", "logger", "event"), drop_missing=True
                ),
                hide,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Their lines would quote whole URLs; ours name the task instead.
    for chatty in ("httpx", "httpcore", "uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Blanker:
    """The last processor: takes the rendered line and blanks what must not be read."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, line: str | MutableMapping[str, Any]) -> str:
        """Give the line without secrets."""
        text = TOKEN_PATTERN.sub(HIDDEN, str(line))
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

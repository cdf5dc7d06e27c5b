"""Spans of time as one types them: `7d`, `12h`, `30m`, or the day or the instant from which on."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _read_span(text: str) -> timedelta | None:
    span = _SPAN.fullmatch(text)
    return timedelta(**{_UNITS[span[2]]: int(span[1])}) if span else None


class Span(click.ParamType[float]):
    """A span; gives its seconds."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give the seconds."""
        span = _read_span(str(value))
        if span is None:
            self.fail(f"{value!r} is no span such as 7d, 24h or 30m", param, ctx)
        return span.total_seconds()


class Since(click.ParamType[str]):
    """A span before now, or a time; gives a time as `/v1` takes it."""

    name = "SPAN|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give RFC 3339; a time without a zone is in UTC."""
        try:
            span = _read_span(str(value))
            moment = datetime.fromisoformat(str(value)) if span is None else datetime.now(UTC) - span
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no span such as 7d, 12h or 30m, and no time such as 2026-11-23T08:00Z", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()

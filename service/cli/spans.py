"""Spans of time as one types them: `7d`, `12h`, `30m`, or the day or the instant from which on."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Since(click.ParamType[str]):
    """A span before now, or a time; gives a time as `/v1` takes it."""

    name = "SPAN|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give RFC 3339; a time without a zone is in UTC."""
        try:
            if span := _SPAN.fullmatch(str(value)):
                moment = datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
            else:
                moment = datetime.fromisoformat(str(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no span such as 7d, 12h or 30m, and no time such as 2026-11-23T08:00Z", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()

"""Turns what `/v1` says into pages: the templates, the words and shapes of states, times as people read them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from service.web.dashboard.inside import place
from service.web.dashboard.texts import LANGUAGES, choose_language, pluraliser, translator

HERE: Final = Path(__file__).parent
# A state has a word, a shape and a colour (its class in ringback.css), so that none of them is needed alone.
SHAPES: Final = {
    "waiting": "○",
    "running": "◔",
    "needs-you": "◑",
    "succeeded": "✓",
    "failed": "✗",
    "unknown": "?",
}
_STATES: Final = {
    "NOT_START": "waiting",
    "SUBMITTED": "waiting",
    "IN_PROGRESS": "running",
    "MODAL": "needs-you",
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "CANCEL": "failed",
}
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def find_state(task: dict[str, Any]) -> str:
    """Which of SHAPES a task is in."""
    if task["submission"] in ("unknown", "lost") and task["status"] not in ("SUCCESS", "FAILURE", "CANCEL"):
        return "unknown"
    return _STATES.get(task["status"], "running")


def format_span(seconds: float) -> str:
    """A length of time in its largest unit: `3 min`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def format_size(size: float) -> str:
    """A number of bytes, as people read it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


@pass_context
def show_time(context: Context, moment: str | None) -> Markup:
    """A time as how long ago it was, with the exact one where one points at it; `moment` is RFC 3339."""
    if moment is None:
        return Markup("–")
    translate: Callable[[str], str] = context["_"]
    ago = time.time() - datetime.fromisoformat(moment).timestamp()
    said = translate("in %s") % format_span(-ago) if ago < 0 else translate("%s ago") % format_span(ago)
    exact = datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment, exact, said)


@pass_context
def show_state(context: Context, state: str, word: str | None = None) -> Markup:
    """A state's shape and word; `word` says it more exactly than the state's own."""
    translate: Callable[[str], str] = context["_"]
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        state, SHAPES[state], escape(translate(word or state.replace("-", " ")))
    )


@cache
def make_environment(language: str) -> Environment:
    """Where templates live, in one language."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    translate = translator(language)
    environment.install_gettext_callables(translate, pluraliser(language), newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {"_": translate, "language": language, "languages": LANGUAGES, "place": place}
    environment.filters |= {"ago": show_time, "size": format_size, "span": format_span, "state_of": find_state}
    environment.globals["state"] = show_state
    return environment


def render(template: str, language: str, **values: Any) -> str:
    """A template with these values, or a part of a page."""
    return make_environment(language).get_template(template).render(values)


def answer_page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in the language of who asks."""
    text = render(template, choose_language(request), path=request.url.path, **values)
    return HTMLResponse(text, status_code=status)

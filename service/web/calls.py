"""A call of the API: its handler and its description in one place, so that the two cannot drift apart."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.web.problems import Problem, explain, tell_mistakes
from service.web.wording import tell_bad_json, tell_wrong_value
from service.written.mistakes import did_you_mean, quoted

T = TypeVar("T", bound=msgspec.Struct)
MAX_BODY: Final = 1024 * 1024  # bytes of a call
MAX_PICTURES: Final = 64 * MAX_BODY  # bytes of one that brings pictures along
READ_WITHIN: Final = 60.0  # seconds in which a body must have come: others may wait for their turn
MAX_WORDS: Final = 50  # entries of a list in a query
MAX_NUMBER: Final = 2**53  # the largest number that JSON carries everywhere

# Plain digits: Python's own int() and float() would also take "1_0", " 5", "٣", "1e3" and "nan".
_NUMBERS: Final = {"whole": re.compile(r"[0-9]+"), "seconds": re.compile(r"[0-9]+(\.[0-9]+)?")}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One query parameter."""

    name: str
    about: str
    kind: Literal["text", "whole", "seconds", "list", "time"] = "text"
    least: float = 0
    most: float = MAX_NUMBER
    among: tuple[str, ...] = ()  # every text there is; any goes when empty
    known: tuple[str, ...] = ()  # of a list: what an entry is usually; others may be a gateway's own words


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what it takes, what it gives, and who answers."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: type | None = None
    needs_body: bool = True  # False where a body may be left out
    creates: bool = False  # takes an Idempotency-Key
    answers: Mapping[int, tuple[str, str]]  # status → (what it means, the schema's name; "" for no body)
    stream: bool = False  # may also answer as text/event-stream
    public: bool = False  # needs no key


def make_routes(calls: Iterable[Call]) -> list[Route]:
    """Give one route for each path, so that who comes with a wrong method is told of every right one."""
    paths: dict[str, dict[str, Call]] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method] = call
    return [Route(path, partial(_answer, here), methods=list(here)) for path, here in paths.items()]


async def _answer(calls: Mapping[str, Call], request: Request) -> Response:
    call = calls["GET" if request.method == "HEAD" else request.method]
    try:
        # Who asks after our health may add what it likes, to get past a cache.
        request.state.query = {} if call.public else read_query(request, call.parameters)
        return await call.handler(request)
    except Exception as error:
        return explain(error)


def read_query(request: Request, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """Give the query's values by name, absent ones left out. Raises a 422 that names every mistake."""
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for name in dict.fromkeys(request.query_params):
        parameter = known.get(name)
        if parameter is None:
            mistakes.append(f"{name}: no such parameter{did_you_mean(name, known)}")
            continue
        try:
            values[name] = _read_value(parameter, request.query_params.getlist(name))
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise tell_mistakes(mistakes)
    return values


def _read_value(parameter: Parameter, texts: list[str]) -> Any:
    if parameter.kind == "list":
        return _read_words(parameter, [part for text in texts for part in text.split(",") if part])
    text = texts[-1]
    if parameter.kind == "text":
        if parameter.among and text not in parameter.among:
            raise ValueError(f"expected one of {', '.join(parameter.among)}")
        return text
    if parameter.kind == "time":
        return read_time(text)
    if not _NUMBERS[parameter.kind].fullmatch(text):
        raise ValueError("expected a number in plain digits")
    number = int(text) if parameter.kind == "whole" else float(text)
    if not parameter.least <= number <= parameter.most:
        raise ValueError(f"expected {parameter.least:g} to {parameter.most:.16g}")
    return number


def read_time(text: str) -> int:
    """Give milliseconds since the epoch; a time without a zone is in UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError("expected a day or a time, such as 2026-11-23 or 2026-11-23T08:00:00Z") from None


def _read_words(parameter: Parameter, words: list[str]) -> list[str]:
    if len(words) > MAX_WORDS:
        raise ValueError(f"expected at most {MAX_WORDS} entries, not {len(words)}")
    # What comes near a word of ours is a slip, which would find nothing and say nothing.
    hints = {word: did_you_mean(word, parameter.known) for word in words if word not in parameter.known}
    if slips := [f"there is no {quoted(word)}{hint}" for word, hint in hints.items() if hint]:
        raise ValueError(", ".join(slips))
    return words


async def read_body(request: Request, expected: type[T], *, longest: int = MAX_BODY) -> T:
    """Decode a JSON body of at most so many bytes strictly. Raises 408 when it does not come, 413, 415 for another
    type, 422 with the name of what is wrong.
    """
    body = await read_bytes(request, longest)
    if len(body) > MAX_BODY:  # megabytes would hold up the loop
        return await asyncio.to_thread(_decode, body, expected)
    return _decode(body, expected)


async def read_optional_body(request: Request, expected: type[T]) -> T:
    """`read_body` for a call whose body may be left out: then every field has its default."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return expected()
    return await read_body(request, expected)


def _decode(body: bytes, expected: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=expected)
    except msgspec.ValidationError as error:
        raise tell_mistakes(
            _list_mistakes(body, expected) or [f"The body: {tell_wrong_value(str(error), expected)}"]
        ) from None
    except msgspec.DecodeError as error:
        raise Problem(422, tell_bad_json(str(error))) from None
    except (UnicodeDecodeError, RecursionError):
        raise Problem(422, "The body is not JSON in UTF-8.") from None


def _list_mistakes(body: bytes, expected: type[msgspec.Struct]) -> list[str]:
    """Give what is wrong with each field, where msgspec would tell the first; nothing when it is no object at all."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return find_mistakes(said, expected) if isinstance(said, dict) else []


def find_mistakes(said: Mapping[str, Any], expected: type[msgspec.Struct]) -> list[str]:
    """Give what is wrong with each field of an object, decoded already, that should be an `expected`."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    mistakes = [f"There is no field `{name}`{did_you_mean(name, fields)}" for name in said if name not in fields]
    for name, field in fields.items():
        if name not in said:
            mistakes += [f"{name}: it is missing"] if field.required else []
            continue
        try:
            msgspec.convert(said[name], field.type)
        except msgspec.ValidationError as error:
            mistakes.append(f"{name}: {tell_wrong_value(str(error), field.type)}")
    return mistakes


async def read_bytes(request: Request, longest: int) -> bytes:
    """Give a body that says it is JSON. Raises 408 when it does not come in time, 413 when it has more than `longest`
    bytes, 415 for another type.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(415, "Send JSON, with 'Content-Type: application/json'.")
    declared = request.headers.get("content-length", "")
    too_large = Problem(413, f"A body may have {longest} bytes.", {"Connection": "close"})
    if declared.isdigit() and int(declared) > longest:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > longest:
                    raise too_large
    except TimeoutError:
        raise Problem(408, f"The body did not come within {READ_WITHIN:g} s.", {"Connection": "close"}) from None
    return bytes(body)


def answer_json(value: Any, status: int = 200) -> Response:
    """Give a JSON response."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")

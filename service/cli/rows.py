"""The rows of a CSV file, each made into a prompt by a template. Pure; every mistake comes with its line."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from string import Formatter
from typing import Final, NamedTuple

from service.written.mistakes import did_you_mean, quoted

DEFAULT_TEMPLATE: Final = "{prompt}"
SEPARATORS: Final = ",;\t"  # spreadsheets write these, depending on the country

# A piece of a template: the text before a column, and the column; None at the end.
Piece = tuple[str, str | None]


class Row(NamedTuple):
    """One row, as it will be asked for."""

    line: int  # where it begins in the file, from 1
    prompt: str
    occurrence: int  # which of the rows with this prompt, from 1


class BadRows(Exception):
    """The file or the template cannot be used; `mistakes` says all of it."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def read_rows(content: bytes, template: str = DEFAULT_TEMPLATE) -> list[Row]:
    """Give the rows of a CSV file with a header, in UTF-8, with or without a byte order mark.

    Every column that the template names must be filled. Raises BadRows.
    """
    pieces = _read_template(template)
    (header_line, header), *records = _read_records(_decode(content))
    columns = [name.strip() for name in header]
    mistakes = _check_columns(columns, pieces, header_line)
    if not mistakes and not records:
        mistakes.append(f"line {header_line}: there is no row below the header")
    if mistakes:
        raise BadRows(mistakes)
    rows, seen = [], Counter[str]()
    for line, fields in records:
        if len(fields) != len(columns):
            mistakes.append(f"line {line}: it has {len(fields)} fields, and the header has {len(columns)}")
            continue
        cells = dict(zip(columns, map(str.strip, fields), strict=True))
        empty = [name for _, name in pieces if name is not None and not cells[name]]
        prompt = _render(pieces, cells)
        if empty:
            mistakes.append(f"line {line}: {', '.join(map(quoted, dict.fromkeys(empty)))} is empty")
        elif not prompt:
            mistakes.append(f"line {line}: its prompt is empty")
        seen[prompt] += 1
        rows.append(Row(line, prompt, seen[prompt]))
    if mistakes:
        raise BadRows(mistakes)
    return rows


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadRows([f"line {line}: this is not UTF-8; save the file as CSV in UTF-8"]) from None


def _read_records(text: str) -> list[tuple[int, list[str]]]:
    """Every record with the line that it begins at; blank ones are left out."""
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    records = [(line, fields) for line, fields in _parse(text, separator) if any(map(str.strip, fields))]
    if not records:
        raise BadRows(["line 1: the file is empty; it begins with a header"])
    return records


def _parse(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadRows([f"line {line}: this is not CSV: {error}"]) from None
        yield line, fields


def _read_template(template: str) -> list[Piece]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise BadRows([f"template: {error}; a brace that is meant is doubled: {{{{"]) from None
    pieces: list[Piece] = []
    for text, name, detail, conversion in parsed:
        # What the formatter would take for a form of the value belongs to the name of the column.
        whole = (
            None if name is None else name + (f"!{conversion}" if conversion else "") + (f":{detail}" if detail else "")
        )
        pieces.append((text, whole if whole is None else whole.strip()))
    return pieces


def _check_columns(columns: Collection[str], pieces: Sequence[Piece], line: int) -> list[str]:
    mistakes = [
        f"line {line}: there are two columns {quoted(name)}"
        for name, count in Counter(columns).items()
        if name and count > 1
    ]
    for name in dict.fromkeys(name for _, name in pieces if name is not None):
        if name not in columns:
            there = did_you_mean(name, columns) or f"; there is {', '.join(map(quoted, columns))}"
            mistakes.append(f"line {line}: there is no column {quoted(name)}{there}")
    return mistakes


def _render(pieces: Sequence[Piece], cells: Mapping[str, str]) -> str:
    return "".join(text + (cells[name] if name is not None else "") for text, name in pieces).strip()

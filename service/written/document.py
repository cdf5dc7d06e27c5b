"""A YAML 1.2 file becomes nodes that know their line and column.

Only plain data is taken: anchors, aliases, tags, directives, duplicate keys and second documents are refused.
The tree is built from the parser's events, so that a refused construct is never composed into anything.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from service.written.mistakes import quoted
from service.written.nodes import Node, Scalar, Source

MAX_BYTES = 256 * 1024
MAX_NESTING = 32
MAX_DIGITS = 100  # longer numbers are text: Python refuses to read them, and nobody counts so far

# What YAML cannot hold at all (YAML 1.2.2, rule [1] c-printable).
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# The core schema of YAML 1.2.2, section 10.3.2; infinities and NaN stay text, since nothing is compared to them.
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGERS = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class Document:
    """A file that was read: its root (None when it is empty or unreadable) and the mistakes so far."""

    def __init__(self, data: bytes, *, file: str, environ: Mapping[str, str]) -> None:
        """Read the bytes; `file` is the name for messages, `environ` is where `${NAME}` looks."""
        self.source = Source(file, environ)
        self.root = _read(data, self.source)


def _read(data: bytes, source: Source) -> Node | None:
    text = _decode(data, source)
    if text is None:
        return None
    builder = _Builder(source)
    for event in _events(text, source):
        if not builder.take(event):
            break
    if not builder.complete:
        return None
    root = builder.root
    if root is None or root.value is None:
        return None
    if not isinstance(root.value, dict):
        root.mistake(f"expected a mapping (key: value) at the top, found {root.kind}")
        return None
    return root


def _decode(data: bytes, source: Source) -> str | None:
    if len(data) > MAX_BYTES:
        source.note(1, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        source.note(*_place(before), "this is not UTF-8")
        return None
    if unprintable := _UNPRINTABLE.search(text):
        before = text[: unprintable.start()]
        source.note(*_place(before), f"the character {unprintable[0]!a} may not stand in YAML")
        return None
    return text


def _events(text: str, source: Source) -> Iterator[Any]:
    events = YAML(typ="safe", pure=True).parse(text)
    while True:
        try:
            event = next(events, None)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            source.note(line, column, f"not YAML: {' '.join((error.problem or 'unreadable').split())}")
            return
        except Exception as error:  # whatever chr() and int() raise on a hostile escape comes through the scanner
            source.note(1, 1, f"not YAML: {type(error).__name__}")
            return
        if event is None:
            return
        yield event


def _place(before: str) -> tuple[int, int]:
    """Line and column of what follows the text."""
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


class _Builder:
    """Puts the parser's events together; keeps the collections that are still open in a list, not on the stack."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: Node | None = None
        self._open: list[tuple[Node, list[Node]]] = []  # a collection, and the key that waits for its value
        self._documents = 0
        self.complete = False  # True when the file was read to its end

    def take(self, event: Any) -> bool:
        """Add one event; False when reading on makes no sense."""
        if isinstance(event, DocumentStartEvent):
            return self._begin(event)
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._open.pop()
        elif isinstance(event, ScalarEvent):
            self._add(self._scalar(event))
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            node = self._node(event, {} if isinstance(event, MappingStartEvent) else [])
            if len(self._open) >= MAX_NESTING:
                node.mistake(f"nested deeper than {MAX_NESTING} levels")
                return False
            self._add(node)
            self._open.append((node, []))
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event))
        elif isinstance(event, StreamEndEvent):
            self.complete = True
        return True

    def _begin(self, event: Any) -> bool:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self._documents += 1
        if self._documents > 1:
            self.source.note(line, column, "a second document begins here; there may be only one")
            return False
        if event.version or event.tags:
            self.source.note(line, column, "directives (%YAML, %TAG) are not allowed")
        return True

    def _node(self, event: Any, value: Any, raw: str = "") -> Node:
        node = Node(self.source, event.start_mark.line + 1, event.start_mark.column + 1, value, raw)
        if event.anchor:
            node.mistake(f"anchors (&{event.anchor}) are not allowed")
        if event.tag:
            node.mistake("tags (!…) are not allowed")
        return node

    def _alias(self, event: Any) -> Node:
        node = Node(self.source, event.start_mark.line + 1, event.start_mark.column + 1, None)
        node.mistake(f"aliases (*{event.anchor}) are not allowed; write the value out")
        node.broken = True
        return node

    def _scalar(self, event: Any) -> Node:
        raw: str = event.value
        if _SURROGATE.search(raw):  # from escapes: JSON writes an emoji as two of them
            raw = raw.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        node = self._node(event, raw if event.style else resolve(raw), raw)
        if "\ufffd" in raw and "\ufffd" not in event.value:
            node.mistake("half of a surrogate pair is no character; write the character itself")
            node.broken = True
        return node

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent, waiting = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif not waiting:
            if isinstance(node.value, dict | list):
                node.mistake("a key must be text")
            waiting.append(node)
        elif isinstance(parent.value, dict):
            self._pair(parent.value, waiting.pop(), node)

    def _pair(self, pairs: dict[str, tuple[Node, Node]], key: Node, value: Node) -> None:
        if key.broken or isinstance(key.value, dict | list):
            return
        if key.raw in pairs:
            first = pairs[key.raw][0].line
            key.mistake(f"duplicate key {quoted(key.raw)} (the first is on line {first})")
        else:
            pairs[key.raw] = (key, value)


def resolve(raw: str) -> Scalar:
    """What an unquoted scalar means in YAML 1.2: `on`, `no`, `16:9` and `23:00` are text."""
    if raw in _NULL:
        return None
    if raw in _BOOL:
        return _BOOL[raw]
    if len(raw) <= MAX_DIGITS:
        for pattern, base in _INTEGERS:
            if pattern.fullmatch(raw):
                return int(raw, base)
        if _FLOAT.fullmatch(raw) and math.isfinite(number := float(raw)):
            return number
    return raw

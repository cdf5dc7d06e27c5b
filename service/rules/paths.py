"""Where a picture is kept: `download: {to}` filled in, never outside of its folder, whatever a prompt says. Pure."""

import re
import unicodedata
from typing import Final

from service.rules.folding import tame_marks
from service.rules.subject import Subject
from service.rules.templates import Template

LONGEST_VALUE: Final = 100  # bytes of UTF-8 of one filled-in value
# Bytes of UTF-8 of one part of a path: file systems take 255, and "-" with a task's id may have to fit in as well.
LONGEST_SEGMENT: Final = 200
LOOKED_AT: Final = 2000  # characters of a value: what is harmless in them is more than is kept
NOTHING: Final = "_"  # what stands where a value, or a whole part of a path, would be empty

# What separates or has a meaning on some system (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
_SPECIAL: Final = re.compile(r'[/\\<>:"|?*]')
_RESERVED: Final = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_JOINER: Final = "\u200d"  # makes one emoji of several
_EDGES: Final = " ." + _JOINER


def fill_path(template: Template, subject: Subject) -> str:
    """The path for this subject, relative, with "/" between its parts: as many as the template has.

    What is filled in becomes harmless as a part of a path: it separates nothing, hides nothing, and is no device.
    """
    filled = (
        part if isinstance(part, str) else _make_harmless(Template((part,)).fill(subject)) for part in template.parts
    )
    return "/".join(map(_finish, "".join(filled).split("/")))


def find_path_mistake(template: Template) -> str | None:
    """What is wrong with the written parts of a template for a path; None when nothing is."""
    written = "".join(part if isinstance(part, str) else NOTHING for part in template.parts)
    if written.startswith("/") or re.match(r"[A-Za-z]:", written) or written.startswith("~"):
        return "a path begins below the folder of downloads, not at /, ~ or a drive"
    if "\\" in written:
        return "the parts of a path are separated by /, not by a backslash"
    if ".." in written.split("/"):
        return "a path cannot leave the folder of downloads with .."
    if not all(segment.strip(" .") for segment in written.split("/")):
        return "a part of the path is empty; it ends in the name of a file"
    if _SPECIAL.search(written.replace("/", "")) or not written.isprintable():
        return 'a path has none of < > : " | ? * in it, and no control characters'
    return None


def _make_harmless(value: str) -> str:
    """A value that can be a part of a file's name anywhere; Chinese and emoji stay what they are."""
    plain = "".join(map(_replace, unicodedata.normalize("NFC", tame_marks(value[:LOOKED_AT]))))
    plain = _SPECIAL.sub("-", " ".join(plain.split()))
    return _cut(plain.strip(_EDGES), LONGEST_VALUE) or NOTHING


def _replace(character: str) -> str:
    """A blank for a line's end or any other blank; nothing for what cannot be seen, reverses the text or is no text."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character != _JOINER else character


def _finish(segment: str) -> str:
    """One part of the path, as a whole."""
    segment = unicodedata.normalize("NFC", segment).strip(" ").rstrip(_EDGES) or NOTHING
    if _RESERVED.match(segment):
        segment = NOTHING + segment
    suffix = found[0] if (found := _SUFFIX.search(segment)) else ""
    return _cut(segment.removesuffix(suffix), LONGEST_SEGMENT - len(suffix)) + suffix


def _cut(text: str, longest: int) -> str:
    """As many characters from the beginning as fit into so many bytes of UTF-8."""
    return text.encode()[:longest].decode(errors="ignore").rstrip(_EDGES)

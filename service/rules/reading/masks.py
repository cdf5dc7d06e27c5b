"""The mask of a `click`: a PNG file beside the configuration file, read when that is."""

from pathlib import Path, PurePosixPath
from typing import Final

from hooks.errors import NotAPicture
from hooks.pictures import know_picture
from service.written.mistakes import quoted
from service.written.nodes import Node

LARGEST_MASK: Final = 5 * 1024 * 1024  # bytes
_PNG = "image/png"


def read_mask(node: Node) -> bytes | None:
    """The file that a text names; None and a mistake otherwise."""
    name = node.text()
    if name is None:
        return None
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        node.mistake("a mask is a PNG file beside this one, or in a folder there")
        return None
    path = Path(node.source.file).parent / name
    try:
        if not path.is_file():
            node.mistake(f"there is no file {quoted(node.raw)} beside this one")
            return None
        with path.open("rb") as file:
            content = file.read(LARGEST_MASK + 1)
    except OSError as error:
        node.mistake(f"{quoted(node.raw)} cannot be read: {error.strerror}")
        return None
    node.source.files.append(path)
    if len(content) > LARGEST_MASK:
        node.mistake(f"{quoted(node.raw)} is larger than {LARGEST_MASK // 1024**2} MiB")
        return None
    return content if _is_png(node, content) else None


def _is_png(node: Node, content: bytes) -> bool:
    try:
        found = know_picture(content).media_type
    except NotAPicture as error:
        node.mistake(f"a mask is a PNG, black with the area to be changed in white; {error}")
        return False
    if found != _PNG:
        node.mistake(f"a mask is a PNG, black with the area to be changed in white; it is {found}")
    return found == _PNG

"""Pictures that are named on the command line: files, addresses, or data URLs."""

from pathlib import Path
from typing import Any

import click

from hooks.downloads import is_url
from hooks.errors import NotAPicture
from hooks.pictures import as_data_url, know_picture


class PictureType(click.ParamType[str]):
    """A file becomes a data URL, if it is a picture that gateways take; an address is fetched by the service."""

    name = "FILE|URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give what the service takes; fails with what is wrong with the file."""
        text = str(value)
        if is_url(text) or text.startswith("data:"):
            return text
        try:
            return as_data_url(know_picture(Path(text).read_bytes()))
        except (OSError, ValueError) as error:
            self.fail(f"{text!r} cannot be read: {getattr(error, 'strerror', None) or error}", param, ctx)
        except NotAPicture as error:
            self.fail(f"{text!r}: {error}", param, ctx)


PICTURE = PictureType()

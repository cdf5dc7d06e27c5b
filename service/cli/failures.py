"""What ends a verb: one clear line on stderr, and an exit code."""

from collections.abc import Sequence
from typing import IO, Any

import click


class Failed(click.ClickException):
    """It did not work: exit code 1."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message as it is."""
        click.echo(self.message, file=file, err=file is None)


class Misused(Failed):
    """It was asked for in a way that cannot work: exit code 2."""

    exit_code = 2


class Unreachable(Failed):
    """The service did not answer; it may or may not have heard."""


class Refused(Failed):
    """The service answered with an error; `status` is HTTP's, `errors` are the single mistakes where it names some."""

    def __init__(self, message: str, status: int, errors: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors = tuple(errors)

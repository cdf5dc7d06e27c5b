"""The variables of a deployment: the process's environment, and a `.env` file beside the service below it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from service.written.mistakes import Mistake

FILE = ".env"
CONCEALED = "https://concealed.invalid/"  # what `${NAME}` stands for in a file that somebody sends
_NEWLINE = re.compile("\r\n|\n|\r")
PROCESS = "environment"  # where messages say that a variable of the process stands


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable and where it stands."""

    value: str = field(repr=False)
    file: str
    line: int | None = None
    column: int | None = None

    def mistake(self, message: str) -> Mistake:
        """A mistake in this variable."""
        return Mistake(self.file, self.line, self.column, message)


class Environment:
    """Every variable by name. What the process was given wins over the file."""

    def __init__(self, environ: Mapping[str, str], dotenv: bytes | None) -> None:
        """`dotenv` is what the `.env` file holds, None when there is none."""
        self.variables: dict[str, Variable] = {}
        self.written: dict[str, list[Variable]] = {}  # by name, all that the file says; the last one counts
        self.mistakes: list[Mistake] = []
        self._read(dotenv or b"")
        self.variables |= {name: Variable(value, PROCESS) for name, value in environ.items()}

    @property
    def values(self) -> dict[str, str]:
        """The plain values by name."""
        return {name: variable.value for name, variable in self.variables.items()}

    def is_set(self, name: str) -> bool:
        """Whether a variable is there and not blank."""
        return name in self.variables and bool(self.variables[name].value.strip())

    def _read(self, dotenv: bytes) -> None:
        try:
            text = dotenv.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = dotenv.count(b"\n", 0, error.start) + 1
            self.mistakes.append(Mistake(FILE, line, 1, "this is not UTF-8"))
            return
        for binding in parse_stream(StringIO(text, newline="")):
            # The parser counts the blank lines and blanks before a name as part of it.
            written = binding.original.string
            blank = written[: len(written) - len(written.lstrip())]
            line = binding.original.line + len(_NEWLINE.findall(blank))
            column = len(blank) - max(blank.rfind("\n"), blank.rfind("\r"))
            if binding.error or (binding.key and binding.value is None):
                self.mistakes.append(Mistake(FILE, line, column, _explain(written)))
            elif binding.key and binding.value is not None:
                variable = self.variables[binding.key] = Variable(binding.value, FILE, line, column)
                self.written.setdefault(binding.key, []).append(variable)


class Concealed(dict[str, str]):
    """An environment in which every name is set, and that tells none: who sends rules could ask for them one by one."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return CONCEALED


def _explain(written: str) -> str:
    """What is wrong with a line, never the line itself: a secret may stand there."""
    _, equals, value = written.partition("=")
    if not equals:
        return "expected NAME=value, and there is no '='"
    if value.lstrip()[:1] in ("'", '"'):
        return "expected NAME=value, and the quote that begins the value does not end, or does not end it"
    return "expected NAME=value"


def read_environment(environ: Mapping[str, str], directory: Path) -> Environment:
    """The process's environment over the `.env` file of a directory."""
    try:
        dotenv = (directory / FILE).read_bytes()
    except FileNotFoundError:
        return Environment(environ, None)
    except OSError as error:
        environment = Environment(environ, None)
        environment.mistakes.append(Mistake(FILE, None, None, f"cannot be read: {error.strerror}"))
        return environment
    return Environment(environ, dotenv)

"""The house stands as it was drawn: rooms, wings, pure modules, sizes, and a sentence about each public thing."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("service", "hooks", "storage")
MODULES = sorted(path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LONGEST = 250  # lines of a module
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}

# What decides and parses, and does nothing: each is imported alone, in a fresh process.
PURE = (
    "hooks.wire",
    "hooks.token",
    "hooks.buttons",
    "hooks.prompts",
    "hooks.backoff",
    "hooks.targets",
    "hooks.pictures",
    "hooks.messages",
    "hooks.bots",
    "hooks.media",
    "service.rules.match",
    "service.rules.paths",
    "service.rules.reactor",
    "service.rules.replay",
    "service.rules.trials",
    "storage.records",
    "storage.reactions",
)
DOING = {"starlette", "uvicorn", "httpx", "sqlite3", "sqlite_utils", "asyncio", "socket", "subprocess"}

LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted({name.split(".")[0] for name in sys.modules}), *sys.modules)
"""

# Imports modules, and prints what they opened: for writing, on the network, in a database, or as a process.
WATCHED = """
import importlib, sys
opened = []
def watch(event, arguments):
    if event in ("socket.bind", "socket.connect", "sqlite3.connect", "subprocess.Popen"):
        opened.append((event, str(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        opened.append((event, str(arguments)))
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(opened)
"""


def public_things(path: str) -> list[tuple[str, Any]]:
    """The module itself and every public class and function of it, by name."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    things = [(node.name, node) for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    return [("the module", tree), *things]


def test_the_contracts_of_the_house_are_kept() -> None:
    """Layers and forbidden imports: [tool.importlinter] in pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_brings_nothing_that_acts(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, module], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & DOING == set()


def test_importing_a_module_opens_nothing(tmp_path: Path) -> None:
    names = [path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in MODULES]
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED, *(name for name in names if not name.endswith(".__main__"))],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", MODULES)
def test_a_module_is_short_and_named_by_a_noun(path: str) -> None:
    lines = len((ROOT / path).read_text("utf-8").splitlines())
    assert lines <= LONGEST, f"{path} has {lines} lines: it is asking to be two"
    assert not FORBIDDEN_NAMES & set(path.removesuffix(".py").split("/"))


@pytest.mark.parametrize("path", MODULES)
def test_each_public_thing_has_its_sentence(path: str) -> None:
    silent = [name for name, node in public_things(path) if not ast.get_docstring(node)]
    assert silent == []

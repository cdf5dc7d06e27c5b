"""The house stands as it was drawn: rooms, wings, pure modules, sizes, and a sentence about each public thing."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("service", "hooks", "storage")
MODULES = sorted(path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LONGEST = 250  # lines of a module
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}

# What decides and parses, and does nothing: imported one after the other in a fresh process, nothing comes along.
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
    "service.rules.hindsight.replay",
    "service.rules.hindsight.trials",
    "storage.records",
    "storage.reactions",
)
DOING = {"starlette", "uvicorn", "httpx", "sqlite3", "sqlite_utils", "asyncio", "socket", "subprocess"}

# Imports modules, and names those after which something that acts was loaded.
LOADED = """
import importlib, sys
doing = set(sys.argv[1].split(","))
for name in sys.argv[2:]:
    importlib.import_module(name)
    brought = doing & sys.modules.keys()
    if brought:
        print(name, *sorted(brought))
        break
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


def test_the_pure_modules_bring_nothing_that_acts() -> None:
    command = [sys.executable, "-c", LOADED, ",".join(DOING), *PURE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""


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


def test_modules_are_short_and_named_by_a_noun() -> None:
    lines = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lines.items() if count > LONGEST} == {}, "they are asking to be two"
    assert [path for path in MODULES if FORBIDDEN_NAMES & set(path.removesuffix(".py").split("/"))] == []


def test_each_public_thing_has_its_sentence() -> None:
    silent = {
        path: names
        for path in MODULES
        if (names := [name for name, node in public_things(path) if not ast.get_docstring(node)])
    }
    assert silent == {}

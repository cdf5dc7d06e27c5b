"""docs/subscribe.md, taken at its word: its blocks, its receivers as real programs, and what they are sent."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.letterbox import Post
from tests.journeys.processes import PATIENCE, find_port, wait_until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "subscribe.md").read_text()
NODE_PACKAGES = ROOT / "tests" / "oracles" / "node_modules"
NEEDED = "NEED_ORACLES"  # where this is set, node and openssl have to be there

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"^curl (http://127\.0\.0\.1:8000\S+)[^']*(?:'[^']*'[^']*)*?-d '([^']*)'", re.MULTILINE)


def read_blocks(language: str) -> list[str]:
    """The page's blocks in one language, in its order."""
    return [block for found, block in _FENCED.findall(PAGE) if found == language]


def read_calls() -> list[tuple[str, Any]]:
    """What the page has curl POST: paths and bodies."""
    sent = [call for block in read_blocks("sh") for call in _CALL.findall(block)]
    return [(httpx.URL(url).path, json.loads(body)) for url, body in sent]


def read_commands() -> list[str]:
    """Every `ringback …` line of the page, in its blocks and in its text, without what stands behind it."""
    text = "\n".join(read_blocks("sh")).replace("\\\n", " ")
    spoken = re.findall(r"`(ringback \w[^`]*)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))
    return re.findall(r"^(ringback .*?)\s*(?:\s#.*)?$", text, re.MULTILINE) + [
        " ".join(each.split()) for each in spoken
    ]


def require(tool: str, *, optional: bool = False) -> str:
    """Where a tool is. Without it the test is skipped; where all that are not optional are needed, it fails."""
    found = shutil.which(tool)
    if found is None:
        give_up(f"no {tool} on this machine: what the page says about it has not been tried", optional=optional)
    return str(found)


def give_up(reason: str, *, optional: bool = False) -> None:
    """Skip the test, and say why."""
    if os.environ.get(NEEDED) and not optional:
        pytest.fail(f"{reason} ({NEEDED} is set)")
    pytest.skip(reason)


def prepare_python(folder: Path) -> list[str]:
    (folder / "receive.py").write_text(read_blocks("python")[0])
    return [sys.executable, "receive.py"]


def prepare_inbox(folder: Path) -> list[str]:
    (folder / "receive.py").write_text(read_blocks("python")[1])
    return [sys.executable, "receive.py"]


def prepare_node(folder: Path) -> list[str]:
    node = require("node")
    if not (NODE_PACKAGES / "standardwebhooks").is_dir():
        give_up("npm's packages are not there: `rm .venv/.dev && make .venv/.dev` brings them")
    (folder / "receive.js").write_text(read_blocks("javascript")[0])
    (folder / "node_modules").symlink_to(NODE_PACKAGES)
    return [node, "receive.js"]


def prepare_go(folder: Path) -> list[str]:
    go = require("go", optional=True)
    (folder / "main.go").write_text(read_blocks("go")[0])
    env = os.environ | {"GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0"}
    subprocess.run([go, "build", "-o", "receive", "main.go"], cwd=folder, env=env, check=True)
    return ["./receive"]


def prepare_php(folder: Path) -> list[str]:
    php = require("php", optional=True)
    (folder / "receive.php").write_text(read_blocks("php")[0])
    return [php, "-S", "127.0.0.1:PORT", "receive.php"]


RECEIVERS = {"python": prepare_python, "node": prepare_node, "go": prepare_go, "php": prepare_php}


class Receiver:
    """A receiver of the page, at work."""

    def __init__(self, url: str) -> None:
        self._url = url

    def takes(self, post: Post) -> bool:
        """Whether it finds one genuine."""
        answer = httpx.post(self._url, headers=post.headers, content=post.body, trust_env=False, timeout=PATIENCE)
        assert answer.status_code in (204, 400)
        return answer.status_code == 204


@contextmanager
def run_receiver(prepare: Callable[[Path], list[str]], folder: Path, secret: str) -> Iterator[Receiver]:
    """Run a receiver until it is not needed any more."""
    port = str(find_port())
    command = [part.replace("PORT", port) for part in prepare(folder)]
    env = os.environ | {"WEBHOOK_SECRET": secret, "PORT": port}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=env, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        url = f"http://127.0.0.1:{port}"

        def listens() -> bool:
            assert process.poll() is None, "it ended before it listened"
            with suppress(httpx.TransportError):
                httpx.post(url, content=b"?", trust_env=False)
                return True
            return False

        try:
            wait_until(listens, f"{command[0]} listens")
            yield Receiver(url)
        finally:
            process.terminate()


def check_by_hand(delivered: Post, folder: Path, secret: str) -> bool:
    """Whether the page's few lines of shell find it genuine."""
    require("openssl")
    (folder / "body.json").write_bytes(delivered.body)
    script = next(block for block in read_blocks("sh") if "openssl" in block)
    env = {name: delivered.headers[f"webhook-{name.lower()}"] for name in ("ID", "TIMESTAMP", "SIGNATURE")}
    return not subprocess.run(
        [require("sh"), "-c", script], cwd=folder, env=os.environ | env | {"WEBHOOK_SECRET": secret}, check=False
    ).returncode


def outline(shown: Any) -> Any:
    """The shape of JSON: which keys there are, of a list that of its first; what a gateway has besides is anything."""
    if isinstance(shown, list):
        return [outline(each) for each in shown[:1]]
    if isinstance(shown, dict):
        return {key: None if key == "properties" else outline(value) for key, value in shown.items()}
    return None

"""Clients are built in one module, and building one costs no more than it has to."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_only_what_calls_strangers_brings_aiohttp() -> None:
    # It takes longer to import than all else that the command line needs.
    code = "import sys, hooks.clients, hooks.notices, hooks.sender; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

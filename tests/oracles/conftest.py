"""What npm brings for the tests here: other people's readings of the formats that we write."""

import os
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEEDED = "NEED_ORACLES"  # where this is set, nothing is skipped; no RINGBACK_ name, for settings are read from those


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with the packages; skips, with the reason, where there is no node or npm has not been here."""
    folder = HERE / "node_modules"
    missing = "node" if shutil.which("node") is None else "npm's packages" if not folder.is_dir() else None
    if missing is not None:
        why = f"{missing} not found: install nodejs and npm, then `rm .venv/.dev && make .venv/.dev`"
        if os.environ.get(NEEDED):
            pytest.fail(f"{why} ({NEEDED} is set)")
        pytest.skip(why)
    return folder

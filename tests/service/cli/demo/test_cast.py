"""Who plays."""

import pytest

from hooks.token import TokenSigner
from service.cli.demo.cast import Cast
from service.cli.demo.processes import Processes


@pytest.fixture
def cast(tmp_path):
    return Cast(Processes(tmp_path), tmp_path, tmp_path / "ringback.db", seed=7)


def test_every_hook_in_the_bytes_of_the_ledger_and_its_log_is_counted(cast, tmp_path):
    first, second = (TokenSigner(["a secret key of ours"]).mint(f"800000000000000{n}", "n" * 11).encode() for n in "12")
    assert cast.count_kept_hooks() == 0
    (tmp_path / "ringback.db").write_bytes(b"\x00\xff/hooks/" + first + b"\x00" + second[:-9] + b"\xfe")
    (tmp_path / "ringback.db-wal").write_bytes(b"\x01" + second)
    (tmp_path / "ringback.db.keys").write_bytes(first)
    assert cast.count_kept_hooks() == 3

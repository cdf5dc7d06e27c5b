"""The demo's processes."""

import os
import signal
import socket

import pytest

from service.cli.demo.processes import PORTS, Processes, find_free_port, open_stage, undisturbed
from service.cli.failures import Failed

pytestmark = pytest.mark.journey


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_free_port_can_be_taken():
    port = find_free_port()
    assert port in PORTS
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def test_a_process_that_does_not_start_says_why(tmp_path):
    processes = Processes(tmp_path)
    processes.start("server", ["serve"], {"RINGBACK_GATEWAY": "nonesuch"})
    with pytest.raises(Failed, match=r"The server did not start: .*RINGBACK_GATEWAY"):
        processes.wait_ready("server", lambda: False)
    processes.stop()


def test_the_users_own_settings_do_not_reach_it(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGBACK_NONESUCH", "x")
    processes = Processes(tmp_path)
    processes.start("server", ["serve"], {}).wait(10)
    assert (tmp_path / "server.log").read_text().startswith("environment: RINGBACK_GATEWAY: not set")
    with pytest.raises(Failed, match="The server has ended, with exit status 2"):
        processes.check()
    processes.stop()


def test_a_stage_leaves_neither_processes_nor_files_behind_even_frozen_ones():
    with pytest.raises(KeyboardInterrupt), open_stage() as (folder, processes):
        gateway = processes.start("gateway", ["simulate", "--port", "0"], {})
        assert processes.freeze("gateway") == gateway.pid
        raise KeyboardInterrupt
    assert not folder.exists()
    assert not is_alive(gateway.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_and_a_closed_terminal_leave_nothing_behind(number):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as left, open_stage() as (folder, processes):
        gateway = processes.start("gateway", ["simulate", "--port", "0"], {})
        signal.raise_signal(number)
    assert left.value.code == 128 + number
    assert not folder.exists()
    assert not is_alive(gateway.pid)
    assert signal.getsignal(number) == before


def test_a_hang_up_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with open_stage() as (folder, _):
            signal.raise_signal(signal.SIGHUP)
            assert folder.exists()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_waits_until_the_block_is_done():
    steps = []
    with pytest.raises(KeyboardInterrupt), undisturbed():
        signal.raise_signal(signal.SIGINT)
        steps.append("done")
    assert steps == ["done"]


def test_ctrl_c_that_was_ignored_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_without_ctrl_c_nothing_is_raised():
    before = signal.getsignal(signal.SIGINT)
    with undisturbed():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before

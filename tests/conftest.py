"""No test reaches the network: only loopback and Unix sockets can be connected to."""

import signal
import socket
from pathlib import Path

import pytest

# What starts the tests may ignore Ctrl-C (nohup, a job in the background), and every program that
# a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_connect = socket.socket.connect


def _loopback_only(self, address):
    if self.family != socket.AF_UNIX and not str(address[0]).startswith(
        ("127.", "::1", "localhost")
    ):
        raise AssertionError(f"a test tried to reach {address}")
    return _connect(self, address)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path: Path):
    """Settings, inventory and state of a user who has never run sme."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    for name in ("SME_CONFIG_DIR", "SME_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return home

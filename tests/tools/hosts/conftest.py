"""A server that most tests here share, and a client that is new in each."""

import pytest

from sme_tools.hosts.host import Host
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.ssh.hop import SshOptions
from sme_tools.hosts.ssh.transport import SshTransport
from sshd import Client, Sshd
from sudoer import new_sudoer


@pytest.fixture(scope="module")
def server():
    """An sshd whose account has a plain shell and an empty home."""
    with Sshd(login_shell="dash", host_keys=("ed25519", "rsa", "ecdsa")) as server:
        yield server


@pytest.fixture
def client(own_folders):
    return Client(own_folders)


@pytest.fixture
def sudoer(client, monkeypatch):
    """An account that sudo asks for its password, which WEB1_SUDO holds."""
    with new_sudoer(client) as sudoer:
        monkeypatch.setenv("WEB1_SUDO", sudoer.password)
        yield sudoer


@pytest.fixture
def say_hello():
    """Logs in as ssh_config says and returns what `echo hello` printed."""

    def say_hello(name="web1", *, ask=None, timeout_s=5, **host):
        options = SshOptions(connect_timeout_s=timeout_s, ask_passphrase=ask)
        with SshTransport(Host(name=name, **host), options) as transport:
            (evidence,) = transport.run(Script([Step("hello", "echo hello")]), timeout_s=10)
            return evidence.stdout.strip()

    return say_hello

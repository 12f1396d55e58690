"""An account on a real sshd that sudo asks for its password.

    with new_sudoer(client) as sudoer:         # the client then knows the server as web1
        sudoer.may("ALL=(root) ALL", "use_pty")

Only root can make one.
"""

import contextlib
import secrets
import subprocess
import traceback
from pathlib import Path

import pytest

from sme_tools.errors import AuthenticationFailed
from sme_tools.hosts.host import Host
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script, Step
from sme_tools.secrets import SecretSource
from sshd import Sshd, tool

STEPS = (Step("plain", "id -u"), Step("root", "id -u; cat; command -v id", needs_root=True))
WHO = Purpose.of_probes("ann", "test")


class Sudoer:
    """An account of this machine, its password, and what sudo allows it."""

    def __init__(self, server):
        self.server = server
        self.name = server.user
        self.password = f"pass word'\"$!\\ é {secrets.token_hex(8)}"
        line = f"{self.name}:{self.password}\n"
        subprocess.run([tool("chpasswd")], input=line, text=True, check=True)
        tool("sudo", remedy="apt-get install sudo")
        self.rule = Path("/etc/sudoers.d") / self.name
        self.may("ALL=(root) ALL")

    def may(self, rule, *defaults):
        """What it may by sudoers(5), and how sudo is set up for it."""
        self.rule.write_text(
            f"{self.name} {rule}\n" + "".join(f"Defaults:{self.name} {d}\n" for d in defaults)
        )
        subprocess.run([tool("visudo"), "-cqf", self.rule], check=True)


@contextlib.contextmanager
def new_sudoer(client, shell="dash"):
    with Sshd(login_shell=shell) as server:
        sudoer = Sudoer(server)
        try:
            client.log_in_to(server, "web1")
            yield sudoer
        finally:
            sudoer.rule.unlink(missing_ok=True)


def host(place="env:WEB1_SUDO"):
    """web1 of the inventory, with a password that is there."""
    return Host(name="web1", sudo_password=SecretSource.parse(place))


def run(transport, *steps, timeout_s=20):
    return list(transport.run(Script(steps), timeout_s=timeout_s))


def refused(host):
    """The error of a host on which nobody becomes root."""
    with open_transport(host) as transport, pytest.raises(AuthenticationFailed) as failure:
        run(transport, *STEPS)
    assert failure.value.host == "web1"
    return failure.value


def all_of(error):
    """Everything that could be shown of an error."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    return f"{error} {error.remedy} {''.join(frames.format())}"


def are_roots(plain, root):
    """Whether both of STEPS ran as root, and nothing came besides."""
    return (
        (plain.privilege, plain.stdout) == ("root", "0\n")
        and (root.privilege, root.stdout) == ("root", "0\n/usr/bin/id\n")
        and not plain.stderr + root.stderr
    )

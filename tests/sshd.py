"""A real sshd on loopback, and the ssh client's files that lead to it.

    with Sshd() as server:
        client = Client(home)                  # a folder that becomes $HOME
        client.log_in_to(server, "web1")       # a key, a known host, an entry of ssh_config
        SshTransport(Host(name="web1"))

Server and client share nothing with this machine's own ssh: ports, host keys, user keys, authorised
keys, configuration and known_hosts are all made here. As root, `login_shell` makes an account with
that shell and an empty home, for as long as the server runs; whoever is not root logs in to the
own account, where PLAIN_SHELL is asked for.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REMEDY = "install openssh-server and openssh-client: apt-get install openssh-server openssh-client"
START_LIMIT_S = 10
PLAIN_SHELL = "dash"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can change accounts")


def tool(name: str, *, remedy: str = REMEDY) -> str:
    """The path of a program that these tests can't do without."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        pytest.fail(f"{name} is missing; {remedy}", pytrace=False)
    return found


def make_key(file: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair: `file` and `file.pub`."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keygen("-t", kind, "-N", passphrase, "-C", file.name, "-f", file)
    return file


def sign(authority: Path, key: Path, *, names: str, host: bool = False, valid: str = "-1h:+1h"):
    """A certificate for `key.pub`; returns `key-cert.pub`."""
    kind = ["-h"] if host else []
    _keygen("-s", authority, *kind, "-I", "test", "-n", names, "-V", valid, public(key))
    return key.with_name(f"{key.name}-cert.pub")


def public(key: Path) -> Path:
    """The file with the public half."""
    return key.with_name(f"{key.name}.pub")


def words(key: Path) -> str:
    """`type base64` of the public half."""
    return " ".join(public(key).read_text().split()[:2])


def _keygen(*arguments: object) -> None:
    command = [tool("ssh-keygen"), "-q", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class Sshd:
    """A running sshd. Use as a context manager."""

    def __init__(
        self, *, settings: str = "", login_shell: str | None = None, host_keys: tuple[str, ...] = ()
    ) -> None:
        """`settings` are lines of sshd_config, which go before ours; `host_keys` are kinds."""
        self._undo = contextlib.ExitStack()
        self._settings = settings
        self._kinds = host_keys or ("ed25519",)
        self._login_shell = login_shell
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.home = Path.home()
        """The account's home folder on the host."""
        self.address = "127.0.0.1"

    def __enter__(self) -> Sshd:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="sme-sshd-"))
            self._undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.folder.chmod(0o755)  # sshd reads authorised keys as the user who logs in
            if self._login_shell:
                self._make_account(self._login_shell)
            self.host_keys = {kind: self.new_host_key(kind) for kind in self._kinds}
            self.authorized_keys = self.folder / "authorized_keys"
            self.authorized_keys.touch()
            self.port = free_port()
            self.start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @property
    def host_key(self) -> Path:
        """The first host key."""
        return next(iter(self.host_keys.values()))

    @property
    def known_name(self) -> str:
        """What this server is called in known_hosts."""
        return f"[{self.address}]:{self.port}"

    def new_host_key(self, kind: str = "ed25519") -> Path:
        """Make a host key; the server uses it after `restart`."""
        return make_key(self.folder / f"host_{kind}_{time.monotonic_ns()}", kind=kind)

    def authorize(self, key: Path) -> None:
        """Let this key log in."""
        with self.authorized_keys.open("a") as file:
            file.write(public(key).read_text())

    def log(self) -> str:
        """What sshd has written."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        sshd = tool("sshd")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists
        config = self.folder / "sshd_config"
        keys = "\n".join(f"HostKey {key}" for key in self.host_keys.values())
        config.write_text(
            f"{self._settings}\n{keys}\nPort {self.port}\nListenAddress {self.address}\n"
            f"AuthorizedKeysFile {self.authorized_keys}\nPidFile none\nUsePAM no\nStrictModes no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PrintMotd no\nMaxStartups 100\nLogLevel VERBOSE\n"
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sshd, "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._undo.callback(self.kill)
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port)):
                return
            time.sleep(0.01)
        pytest.fail(f"sshd did not start: {self.log()}", pytrace=False)

    def kill(self) -> None:
        """Kill the server and every session of it, as a crash would."""
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        """Kill and start again, on the same port."""
        self.kill()
        self.start()

    def _make_account(self, shell: str) -> None:
        if os.getuid() != 0:
            if shell == PLAIN_SHELL:
                return  # our own account will do
            pytest.skip("only root can make an account with another login shell")
        path = tool(shell, remedy=f"apt-get install {shell}")
        self.user = f"smetest{os.getpid()}x{time.monotonic_ns() % 1000}"
        self.home = self.folder / "home"
        subprocess.run([tool("useradd"), "-M", "-d", self.home, "-s", path, self.user], check=True)
        self._undo.callback(self._remove_account)
        # A new account is locked for sshd without PAM; `*` has no password but is not locked.
        subprocess.run([tool("usermod"), "-p", "*", self.user], check=True)
        self.home.mkdir(mode=0o755)
        shutil.chown(self.home, self.user)

    def _remove_account(self) -> None:
        subprocess.run([tool("userdel"), "-f", self.user], check=False, capture_output=True)


class Client:
    """The ssh client's side: a home folder with keys, ssh_config and known_hosts."""

    def __init__(self, home: Path) -> None:
        self.folder = home / ".ssh"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.known_hosts = self.folder / "known_hosts"

    def log_in_to(
        self, server: Sshd, name: str, *, more: str = "", key: Path | None = None
    ) -> Path:
        """Everything a login needs, under this name of ssh_config; returns the key."""
        key = key or make_key(self.folder / f"key_{name}")
        server.authorize(key)
        self.know(server)
        self.configure(server, name, f"IdentityFile {key}\n{more}")
        return key

    def configure(self, server: Sshd, name: str, more: str = "") -> None:
        """An entry of ssh_config."""
        self.write(
            f"Host {name}\n  HostName {server.address}\n  Port {server.port}\n"
            f"  User {server.user}\n  " + "\n  ".join(more.splitlines()) + "\n"
        )

    def write(self, text: str) -> None:
        """Add lines to ssh_config."""
        with (self.folder / "config").open("a") as file:
            file.write(text)

    def know(self, server: Sshd, *, name: str | None = None, marker: str = "") -> None:
        """Put the server's first host key on record."""
        with self.known_hosts.open("a") as file:
            file.write(f"{marker} {name or server.known_name} {words(server.host_key)}\n".lstrip())


@contextlib.contextmanager
def ssh_agent(*keys: Path) -> Iterator[Path]:
    """A running ssh-agent that holds these keys; gives its socket."""
    with tempfile.TemporaryDirectory(prefix="sme-agent-") as folder:
        path = Path(folder) / "socket"
        process = subprocess.Popen(
            [tool("ssh-agent"), "-D", "-a", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            for key in keys:
                subprocess.run(
                    [tool("ssh-add"), "-q", str(key)],
                    env={**os.environ, "SSH_AUTH_SOCK": str(path)},
                    check=True,
                    capture_output=True,
                )
            yield path
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """All processes below this one."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in table.stdout.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, its in pairs if its == parent]
    return found[1:]


if __name__ == "__main__":
    sys.exit("This is a module for tests.")

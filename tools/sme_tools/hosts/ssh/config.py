"""What ssh_config says about a destination, as `ssh -G` resolves it.

Include, Match, tokens and defaults are thus those of the installed ssh. One thing differs: ssh
looks for `.ssh` in the account's home folder only, we follow $HOME. Where the two differ, ssh is
given `$HOME/.ssh/config` by name, and its default files are taken from `$HOME/.ssh`.

Algorithms (Ciphers, MACs, KexAlgorithms) are not taken over: paramiko offers its own.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sme_tools.errors import HostUnreachable
from sme_tools.hosts.host import Host
from sme_tools.hosts.ssh.known_hosts import DEFAULT_PORT, known_name

RESOLVE_TIMEOUT_S = 15
"""For `ssh -G`; a `Match exec` of the user's may run programs."""

_UNSAFE = re.compile(r"^-|[\s'`\"$\\;&<>|(){}\x00-\x1f\x7f]")
"""What ssh refuses in host and user names, since a ProxyCommand puts them into a shell."""

_DEFAULT_IDENTITIES = ("id_rsa", "id_ecdsa", "id_ed25519")


@dataclass(frozen=True)
class Destination:
    """Where to, as it was named: `user@host`, `ssh://user@host:2222`, a name of ssh_config."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Destination:
        """Read `[user@]host[:port]`, `[user@][v6]:port`, or the same with `ssh://` before it.

        Raises:
            ValueError: it is none of these; the message says what is wrong.
        """
        rest = text.removeprefix("ssh://").rstrip("/")
        user, at, place = rest.rpartition("@")
        if at and not user:
            raise ValueError(f"{text!r} has no user before the @")
        host, port = _split_port(place)
        for part in (host, user):
            if _UNSAFE.search(part):
                raise ValueError(f"{part!r} has characters that no host or user name has")
        if not host:
            raise ValueError(f"{text!r} names no host")
        return cls(host, user or None, port)


def _split_port(place: str) -> tuple[str, int | None]:
    if bracketed := re.fullmatch(r"\[([^]]+)\](?::(\d+))?", place):
        host, port = bracketed[1], bracketed[2]
    elif place.count(":") == 1:
        host, port = place.split(":")
    else:
        return place, None  # a bare IPv6 address has several colons
    if port is None:
        return host, None
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{port!r} is no port: 1 to 65535")
    return host, int(port)


@dataclass(frozen=True)
class SshConfig:
    """What holds for one destination."""

    name: str
    """The destination as it was named."""
    hostname: str
    port: int
    user: str
    identity_files: tuple[Path, ...] = ()
    certificate_files: tuple[Path, ...] = ()
    identities_only: bool = False
    agent_socket: str | None = None
    """Path of the agent's socket; None where there is no agent."""
    proxy_jump: str | None = None
    proxy_command: str | None = None
    host_key_alias: str | None = None
    user_known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    hash_known_hosts: bool = False
    connect_timeout_s: float | None = None
    alive_interval_s: int = 0
    address_family: str = "any"
    """`any`, `inet` or `inet6`."""
    note: str | None = None
    """What the user should know about how this came about."""

    @property
    def known_name(self) -> str:
        """The name to look for in known_hosts."""
        if self.host_key_alias:
            return self.host_key_alias.lower()
        return known_name(self.hostname, self.port)

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{host}:{self.port}"

    @property
    def command(self) -> str:
        """What reaches the same with the ssh program."""
        port = "" if self.port == DEFAULT_PORT else f"-p {self.port} "
        return f"ssh {port}{self.user}@{self.name}"


def destination_of(host: Host) -> Destination:
    """Where an inventory entry leads; what it leaves open is ssh_config's to say."""
    try:
        named = Destination.parse(host.address or host.name)
    except ValueError as error:
        raise HostUnreachable(str(error), host=host.name, remedy="Mend its address.") from error
    return Destination(named.host, host.user or named.user, host.port or named.port)


def resolve(destination: Destination, identity_file: Path | None = None) -> SshConfig:
    """What ssh_config says about a destination; `identity_file` goes before its own.

    Raises:
        HostUnreachable: ssh can't read its configuration.
    """
    ssh = shutil.which("ssh")
    values = _ask_ssh(ssh, destination) if ssh else _built_in(destination)
    return _config(destination, values, identity_file)


def user_folder() -> Path:
    """The user's `.ssh`."""
    return Path.home() / ".ssh"


def home_is_the_accounts() -> bool:
    """Whether $HOME is the home folder that the ssh program goes by."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir) == Path.home()
    except KeyError:  # an account without an entry, as in some containers
        return True


def _ask_ssh(ssh: str, destination: Destination) -> dict[str, list[str]]:
    command = [ssh, "-G"]
    if not home_is_the_accounts():
        config = user_folder() / "config"
        command += ["-F", str(config) if config.exists() else "none"]
    if destination.user:
        command += ["-l", destination.user]
    if destination.port:
        command += ["-p", str(destination.port)]
    try:
        answer = subprocess.run(
            [*command, "--", destination.host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=RESOLVE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostUnreachable(
            f"ssh -G {destination.host} gave no answer: {error}",
            host=destination.host,
            remedy="See what it waits for: ssh -vG {host}",
        ) from error
    if answer.returncode != 0:
        complaint = (answer.stderr.strip() or f"exit code {answer.returncode}").split("\n")[0]
        raise HostUnreachable(
            f"ssh can't read its configuration: {complaint}",
            host=destination.host,
            remedy="Mend it, then check with: ssh -G {host}",
        )
    values: dict[str, list[str]] = {}
    for line in answer.stdout.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), []).append(value)
    return values


def _built_in(destination: Destination) -> dict[str, list[str]]:
    folder = user_folder()
    values = {
        "hostname": [destination.host],
        "port": [str(destination.port or DEFAULT_PORT)],
        "user": [destination.user or getpass.getuser()],
        "identityfile": [str(folder / name) for name in _DEFAULT_IDENTITIES],
        "userknownhostsfile": [str(folder / "known_hosts")],
        "globalknownhostsfile": ["/etc/ssh/ssh_known_hosts"],
    }
    if (folder / "config").exists():
        values["note"] = [f"no ssh program is installed, so {folder / 'config'} was not read"]
    return values


def _config(
    destination: Destination, values: Mapping[str, list[str]], identity_file: Path | None
) -> SshConfig:
    def one(key: str) -> str | None:
        value = values.get(key, [""])[0]
        return None if value in ("", "none") else value

    hostname = one("hostname") or destination.host
    port = int(one("port") or DEFAULT_PORT)
    user = one("user") or getpass.getuser()
    tokens = _tokens(destination.host, hostname, port, user, one("hostkeyalias"))

    def files(key: str, *, several_a_line: bool = False) -> tuple[Path, ...]:
        lines = [line for line in values.get(key, []) if line not in ("", "none")]
        names = [name for line in lines for name in (line.split() if several_a_line else [line])]
        return tuple(_path(expand(name, tokens)) for name in names)

    proxy_command = one("proxycommand")
    timeout = one("connecttimeout")
    identity_files = files("identityfile")
    return SshConfig(
        name=destination.host,
        hostname=hostname,
        port=port,
        user=user,
        identity_files=(
            (identity_file.expanduser(), *identity_files) if identity_file else identity_files
        ),
        certificate_files=files("certificatefile"),
        identities_only=one("identitiesonly") == "yes",
        agent_socket=_agent_socket(values.get("identityagent", [""])[0], tokens),
        proxy_jump=one("proxyjump"),
        proxy_command=expand(proxy_command, tokens) if proxy_command else None,
        host_key_alias=one("hostkeyalias"),
        user_known_hosts=files("userknownhostsfile", several_a_line=True),
        global_known_hosts=files("globalknownhostsfile", several_a_line=True),
        hash_known_hosts=one("hashknownhosts") == "yes",
        connect_timeout_s=float(timeout) if timeout else None,
        alive_interval_s=int(one("serveraliveinterval") or 0),
        address_family=one("addressfamily") or "any",
        note=one("note"),
    )


def _tokens(name: str, hostname: str, port: int, user: str, alias: str | None) -> dict[str, str]:
    """What %-tokens stand for. Source: ssh_config(5), TOKENS."""
    here = socket.gethostname()
    digest = hashlib.sha1(f"{here}{hostname}{port}{user}".encode(), usedforsecurity=False)
    return {
        "%": "%",
        "C": digest.hexdigest(),
        "d": str(Path.home()),
        "h": hostname,
        "i": str(os.getuid()),
        "k": alias or hostname,
        "L": here.split(".")[0],
        "l": here,
        "n": name,
        "p": str(port),
        "r": user,
        "u": getpass.getuser(),
    }


def expand(text: str, tokens: Mapping[str, str]) -> str:
    """Replace %-tokens; one that is not known stays as it is."""
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def _path(text: str) -> Path:
    text = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], ""), text)
    path = Path(text).expanduser()
    if home_is_the_accounts():
        return path
    accounts = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh"
    return user_folder() / path.relative_to(accounts) if path.is_relative_to(accounts) else path


def _agent_socket(setting: str, tokens: Mapping[str, str]) -> str | None:
    """IdentityAgent of ssh_config, or what the environment names."""
    if setting == "none":
        return None
    if setting in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK") or None
    if setting.startswith("$") and not setting.startswith("${"):
        return os.environ.get(setting[1:]) or None
    return str(_path(expand(setting, tokens)))

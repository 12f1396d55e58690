"""A lab host: a machine of its own in Linux namespaces, reached over real SSH, with real faults.

The tests use it, and so can you (as root on Linux, with openssh-server, iproute2 and openssl):

    python3 tests/lab.py                     the faults there are
    python3 tests/lab.py full-tmpfs zombie   a host with these faults, until Ctrl-C

The host has its own processes, mounts, network and name, and shares the kernel. An sshd answers in
it on standard input (`sshd -i`), which ssh_config reaches by ProxyCommand: no packet leaves it.
What the kernel tells about its other tenants (old OOM kills) is hidden from it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

NEEDED = ("sshd", "ssh-keygen", "unshare", "nsenter", "ip", "openssl")
T = TypeVar("T")
RESOLVER = "127.0.0.53"

# The first process of the host: it adopts orphans and reaps them, as an init does, and answers DNS.
INIT = f"""
import os, signal, socket, struct, threading, time
def answer():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("{RESOLVER}", 53))
    while True:
        query, asker = server.recvfrom(512)
        end = query.index(b"\\0", 12) + 5
        head = query[:2] + b"\\x81\\x80" + query[4:6] + b"\\0\\1\\0\\0\\0\\0"
        record = b"\\xc0\\x0c\\0\\1\\0\\1" + struct.pack(">IH", 60, 4) + bytes([127, 0, 0, 1])
        server.sendto(head + query[12:end] + record, asker)
threading.Thread(target=answer, daemon=True).start()
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.2)
"""


class LabHost:
    """A running lab host. Use as a context manager; it ends with everything that runs in it."""

    def __init__(self, folder: Path, name: str = "lab") -> None:
        missing = [tool for tool in NEEDED if not shutil.which(tool, path=search_path())]
        if missing:
            raise RuntimeError(
                f"the lab host needs {', '.join(missing)}: "
                "apt-get install openssh-server iproute2 openssl util-linux"
            )
        self.name = name
        self.folder = folder
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> LabHost:
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command inside the host; returns its output."""
        result = subprocess.run(
            [*self._enter, "sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        if check and result.returncode:
            raise RuntimeError(f"in the lab host: {command!r} gave {result.stdout!r}")
        return result.stdout

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on inside the host, until the host ends."""
        process = subprocess.Popen(
            [*self._enter, "sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._undo.callback(process.wait)
        self._undo.callback(process.kill)
        return process

    def write_ssh_config(self, home: Path) -> None:
        """Make the host known as its name to the ssh client of this home folder."""
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        enter = shlex.join([*self._enter, _which("sshd"), "-i", "-f", str(self._sshd_config)])
        with (ssh / "config").open("a") as config:
            config.write(
                f"Host {self.name}\n  User root\n  IdentityFile {self.folder}/user\n"
                f"  IdentitiesOnly yes\n  ProxyCommand {enter}\n"
            )
        key = (self.folder / "host.pub").read_text().split()
        with (ssh / "known_hosts").open("a") as known:
            known.write(f"{self.name} {key[0]} {key[1]}\n")

    @property
    def _enter(self) -> list[str]:
        return ["nsenter", "-t", str(self._pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]

    def _start(self) -> None:
        self._make_keys()
        unshare = subprocess.Popen(
            [
                "unshare",
                "--fork",
                "--kill-child",
                "--pid",
                "--mount",
                "--net",
                "--uts",
                "--ipc",
                "--mount-proc",
                "sh",
                "-c",
                f"hostname {self.name}; ip link set lo up; "
                f"exec {sys.executable} -c {shlex.quote(INIT)}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._undo.callback(unshare.wait)
        self._undo.callback(unshare.kill)
        self._pid = _wait_for(lambda: _child_of(unshare.pid), "the lab host did not start")
        _wait_for(lambda: self.run("hostname", check=False).strip() == self.name, "no namespaces")
        (self.folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\noptions timeout:1\n")
        self._replace("/etc/resolv.conf", self.folder / "resolv.conf")
        self.hide_kernel_history()
        self.run("mkdir -p /run/sshd")
        self.run("mount -t tmpfs -o size=64k lab-lock /run/lock")  # or two hosts share their locks

    def hide_kernel_history(self) -> None:
        """Hide the kernel's log and its count of OOM kills: they are of other tenants."""
        counters = Path("/proc/vmstat").read_text().splitlines(keepends=True)
        (self.folder / "vmstat").write_text(
            "".join("oom_kill 0\n" if line.startswith("oom_kill ") else line for line in counters)
        )
        self._replace("/proc/vmstat", self.folder / "vmstat")
        self._replace("/dev/kmsg", Path("/dev/null"))

    def show_kernel_history(self) -> None:
        """Undo `hide_kernel_history`."""
        self.run("umount /proc/vmstat /dev/kmsg")

    def _replace(self, path: str, by: Path) -> None:
        self.run(f"[ ! -e {path} ] || mount --bind {by} {path}")

    def _make_keys(self) -> None:
        for name in ("user", "host"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)],
                check=True,
            )
        shutil.copy(self.folder / "user.pub", self.folder / "authorized_keys")
        self._sshd_config = self.folder / "sshd_config"
        self._sshd_config.write_text(
            f"HostKey {self.folder}/host\nAuthorizedKeysFile {self.folder}/authorized_keys\n"
            "PermitRootLogin yes\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "PidFile none\nLogLevel QUIET\nPrintMotd no\n"
        )


def search_path() -> str:
    """PATH with the folders of system programs."""
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


def _which(tool: str) -> str:
    found = shutil.which(tool, path=search_path())
    assert found
    return found


def _child_of(pid: int) -> int | None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def _wait_for(look: Callable[[], T | None], complaint: str, seconds: float = 10) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise RuntimeError(complaint)


Fault = Callable[[LabHost], None]


def full_tmpfs(host: LabHost) -> None:
    """A tmpfs on /mnt/data with no byte left."""
    host.run("mkdir -p /mnt/data && mount -t tmpfs -o size=4m lab-data /mnt/data")
    host.run("cat /dev/zero > /mnt/data/fill", check=False)


def exhausted_inodes(host: LabHost) -> None:
    """A tmpfs on /mnt/mail with space but no inode left."""
    host.run("mkdir -p /mnt/mail && mount -t tmpfs -o size=8m,nr_inodes=64 lab-mail /mnt/mail")
    host.run("cd /mnt/mail && for n in $(seq 70); do : > f$n; done", check=False)


def read_only_mount(host: LabHost) -> None:
    """A filesystem on /mnt/store that was writable and has become read-only."""
    host.run("mkdir -p /mnt/store && mount -t tmpfs -o size=4m lab-store /mnt/store")
    host.run("echo kept > /mnt/store/file && mount -o remount,ro /mnt/store")


def crash_loop(host: LabHost) -> None:
    """A service that supervisord starts again and again."""
    config = host.folder / "supervisord.conf"
    config.write_text(
        f"[unix_http_server]\nfile={host.folder}/supervisor.sock\n"
        f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
        f"pidfile={host.folder}/supervisord.pid\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[supervisorctl]\nserverurl=unix://{host.folder}/supervisor.sock\n"
        "[program:billing]\ncommand=/bin/sh -c 'echo no database >&2; exit 3'\n"
        "startretries=1000\n"
    )
    host.run("mkdir -p /mnt/etc && mount -t tmpfs lab-etc /mnt/etc && cp -a /etc/. /mnt/etc/")
    host.run(f"mkdir -p /mnt/etc/supervisor && cp {config} /mnt/etc/supervisor/supervisord.conf")
    host.run("mount --bind /mnt/etc/supervisor /etc/supervisor")
    host.start(f"exec supervisord -c {config}")
    _wait_for(
        lambda: "billing" in host.run(f"supervisorctl -c {config} status", check=False),
        "supervisord does not answer: apt-get install supervisor",
    )
    time.sleep(3)  # until it has failed more than once
    wait_between_starts(host)


def wait_between_starts(host: LabHost) -> None:
    """Wait until the crash loop has just begun to wait: for a moment it starts, and looks well."""
    status = f"supervisorctl -c {host.folder}/supervisord.conf status billing"
    for state in ("STARTING", "BACKOFF"):
        _wait_for(
            lambda state=state: state in host.run(status, check=False),
            f"billing does not come to {state}",
            seconds=60,
        )


def expired_certificate(host: LabHost) -> None:
    """A TLS listener on port 8443 whose certificate expired."""
    _listener(host, 8443, "20200101000000Z", "20210101000000Z")


def valid_certificate(host: LabHost) -> None:
    """Not a fault: a TLS listener on port 9443 with years to go."""
    _listener(host, 9443, "20200101000000Z", "20991231000000Z")


def _listener(host: LabHost, port: int, start: str, end: str) -> None:
    key, cert = host.folder / f"{port}.key", host.folder / f"{port}.crt"
    request = host.folder / f"{port}.csr"
    database = host.folder / f"ca-{port}"
    database.mkdir()
    (database / "index.txt").touch()
    (database / "serial").write_text("01\n")
    (database / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndefault_md=sha256\npolicy=any\nunique_subject=no\n"
        f"database={database}/index.txt\nserial={database}/serial\nnew_certs_dir={database}\n"
        "[any]\ncommonName=supplied\n"
    )
    host.run(
        "openssl req -new -newkey rsa:2048 -nodes -subj /CN=lab.example"
        f" -keyout {key} -out {request}"
        f" && openssl ca -batch -selfsign -config {database}/ca.cnf -keyfile {key} -in {request}"
        f" -out {cert} -startdate {start} -enddate {end} -notext"
    )
    host.start(f"exec openssl s_server -quiet -accept 127.0.0.1:{port} -key {key} -cert {cert}")
    _wait_for(lambda: f":{port} " in host.run("ss -Hltn"), "the TLS listener did not start")


def dead_resolver(host: LabHost) -> None:
    """A nameserver that takes queries and never answers."""
    silent = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); "
    silent += "s.bind(('127.0.0.54', 53)); time.sleep(9999)"
    host.start(f"exec {sys.executable} -c {shlex.quote(silent)}")
    _wait_for(lambda: "127.0.0.54:53" in host.run("ss -Hlun"), "the silent nameserver is not up")
    (host.folder / "resolv.conf").write_text("nameserver 127.0.0.54\noptions timeout:1\n")


def cpu_hog(host: LabHost) -> None:
    """A process that keeps one core busy."""
    host.start("exec sh -c 'while :; do :; done'")
    time.sleep(1)


def zombie(host: LabHost) -> None:
    """A child that ended and whose parent does not ask for it."""
    host.start("sh -c 'sleep 0.1 & exec sleep 1000'")
    _wait_for(lambda: "Z" in host.run("ps -eo stat="), "there is no zombie")


def oom_killed(host: LabHost) -> None:
    """A process that the kernel killed because its memory cgroup was full."""
    host.show_kernel_history()
    group = Path(f"/sys/fs/cgroup/memory/sme-lab-{os.getpid()}")
    limit = "memory.limit_in_bytes"
    if not group.parent.is_dir():
        group, limit = Path(f"/sys/fs/cgroup/sme-lab-{os.getpid()}"), "memory.max"
    group.mkdir()
    host._undo.callback(group.rmdir)
    (group / limit).write_text(str(16 * 1024 * 1024))
    script = f"echo $$ > {group}/cgroup.procs && exec tail /dev/zero"
    subprocess.run(["sh", "-c", script], stderr=subprocess.DEVNULL, timeout=30, check=False)


FAULTS: dict[str, Fault] = {
    "full-tmpfs": full_tmpfs,
    "exhausted-inodes": exhausted_inodes,
    "read-only-mount": read_only_mount,
    "crash-loop": crash_loop,
    "expired-certificate": expired_certificate,
    "dead-resolver": dead_resolver,
    "cpu-hog": cpu_hog,
    "zombie": zombie,
    "oom-killed": oom_killed,
}


@contextlib.contextmanager
def lab_host(home: Path, *faults: Fault, name: str = "lab") -> Iterator[LabHost]:
    """A lab host with these faults, known to the ssh client of `home`."""
    with (
        tempfile.TemporaryDirectory(prefix="sme-lab-") as folder,
        LabHost(Path(folder), name) as host,
    ):
        host.write_ssh_config(home)
        for fault in faults:
            fault(host)
        yield host


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in FAULTS]
    if unknown or not names:
        for name, fault in FAULTS.items():
            print(f"{name:22}{fault.__doc__}")
        return 2 if unknown else 0
    with (
        tempfile.TemporaryDirectory(prefix="sme-lab-home-") as home,
        lab_host(Path(home), *(FAULTS[name] for name in names)),
    ):
        print(f"The host is up until Ctrl-C:  HOME={home} sme diagnose lab", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Programs in a network of their own that ends at this machine, and what they try to reach."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

STRACE = (
    "strace",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "--decode-pids=comm",
    "-e",
    "trace=connect,sendto,sendmsg,sendmmsg",
)
HOOK = """
import os, sys
names = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
         "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}

def note(event, arguments):
    if event not in names:
        return
    at = arguments[1] if event.startswith(("socket.connect", "socket.send")) else arguments[:2]
    if isinstance(at, tuple):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(f"{event} {at[0]}:{at[1] if len(at) > 1 else ''}\\n")

sys.addaudithook(note)
"""
"""A sitecustomize. Unix sockets have no tuple for an address. Programs that are no Python, such as
a probe's, may well ask a resolver: that is how it is found out whether it answers."""


@dataclass
class Ran:
    """What came of a program."""

    code: int
    out: str
    err: str
    reached: list[str]
    """What Python's own sockets and names were asked for, in order."""
    calls: list[str]
    """System calls by which the Python process sent to the network; none without strace."""


class CutOff:
    """A network namespace with a loopback interface and nothing else."""

    def __init__(self, folder: Path, holder: int) -> None:
        self._folder = folder
        self._enter = (
            "nsenter", "--target", str(holder), "--user", "--net", "--preserve-credentials"
        )  # fmt: skip
        (folder / "sitecustomize.py").write_text(HOOK)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program that nobody watches; whoever calls ends it."""
        return subprocess.Popen([*self._enter, *command], stdout=subprocess.PIPE, text=True)

    def python(self, *arguments: str, given: str = "", more: Mapping[str, str]) -> Ran:
        """Run Python with these arguments, and watch what it reaches for."""
        notes, trace = self._folder / "notes", self._folder / "trace"
        for file in (notes, trace):
            file.write_text("")
        watched = [*STRACE, "-o", str(trace)] if shutil.which("strace") else []
        ran = subprocess.run(
            [*self._enter, *watched, sys.executable, *arguments],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join([str(self._folder), *sys.path])}
            | {"NOTES": str(notes), **more},
            input=given,
            capture_output=True,
            text=True,
            timeout=100,
        )
        name = Path(sys.executable).name[:15]
        calls = [
            line
            for line in trace.read_text(errors="replace").splitlines()
            if f"<{name}>" in line and "sa_family=AF_INET" in line
        ]
        return Ran(ran.returncode, ran.stdout, ran.stderr, notes.read_text().splitlines(), calls)


@contextlib.contextmanager
def cut_off(folder: Path) -> Iterator[CutOff | None]:
    """Such a network; None where it can't be made."""
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c",
         "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert holder.stdout and holder.stdin
    with holder:
        try:
            is_up = holder.stdout.readline() == "up\n"
            yield CutOff(folder, holder.pid) if is_up else None
        finally:
            holder.stdin.close()

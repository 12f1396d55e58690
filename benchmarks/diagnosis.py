"""Diagnosis: one `sme diagnose` over loopback SSH against `ssh host /bin/sh` with the same script.

The host is an sshd of its own on loopback, so this needs openssh-server. "warm" is a diagnosis in a
process that has made one before, as a scheduler's and a chat's are.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from benchmarks.table import print_table
from sme_agent.investigation import Colleague
from sme_agent.nodes import baseline
from sme_cli import session
from sme_tools.hosts.script import Script
from sme_tools.probes.registry import probes

RUNS = 5


def main() -> None:
    """Print wall time and client CPU of each way, and the ratio to ssh."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from sshd import Client, Sshd

    with tempfile.TemporaryDirectory() as folder, Sshd(login_shell="dash") as server:
        home = Path(folder)
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "SME_CONFIG_DIR", "SME_STATE_DIR"):
            os.environ.pop(variable, None)
        os.environ["HOME"] = folder
        Client(home).log_in_to(server, "lab")
        _measure(home)


def _measure(home: Path) -> None:
    ids = baseline(["lab"])["lab"]
    script = Script([probes()[id].step() for id in ids]).text()
    ssh_options = ["-F", f"{home}/.ssh/config", "-o", f"UserKnownHostsFile={home}/.ssh/known_hosts"]
    sme = [sys.executable, "-m", "sme_cli", "diagnose", "lab", "--json"]
    ways: dict[str, Callable[[], None]] = {
        "ssh host /bin/sh": lambda: _run(["ssh", *ssh_options, "lab", "/bin/sh"], script),
        "sme diagnose, new process": lambda: _run(sme, ""),
        "sme diagnose, warm": _diagnose_here,
    }
    rows = []
    for name, way in ways.items():
        way()
        walls, cpus = zip(*(_timed(way) for _ in range(RUNS)), strict=True)
        rows.append([name, statistics.median(walls), statistics.median(cpus)])
    base = rows[0]
    print(
        f"{len(ids)} probes in one script of {len(script) / 1024:.0f} KiB; medians of {RUNS} runs"
    )
    print_table(
        ("way", "wall s", "client CPU s", "wall ratio", "CPU ratio"),
        [(*row, row[1] / base[1], row[2] / base[2]) for row in rows],
    )


def _diagnose_here() -> None:
    for _ in _colleague().investigate(session.select(["lab"])):
        pass


@cache
def _colleague() -> Colleague:
    """One who has read the checks and known issues before."""
    known = session.knowledge()
    return replace(session.colleague(), load_knowledge=lambda: known)


def _run(command: list[str], text: str) -> None:
    result = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if result.returncode not in (0, 1):  # 1: there are findings
        raise SystemExit(f"{' '.join(command)}: {result.stderr}")


def _timed(way: Callable[[], None]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this process and of the children it waited for."""
    wall, cpu = time.perf_counter(), _cpu()
    way()
    return time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)

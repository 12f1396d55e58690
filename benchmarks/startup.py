"""Start-up: how long the first answer of a command takes, as a new process each time."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.table import print_table

RUNS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "sme --help": ["-m", "sme_cli", "--help"],
    "sme diagnose --help": ["-m", "sme_cli", "diagnose", "--help"],
    "sme issues search": ["-m", "sme_cli", "issues", "search", "no space left on device"],
    "sme probes list": ["-m", "sme_cli", "probes", "list"],
}


def main() -> None:
    """Print median and best wall time of each command."""
    rows = []
    for name, arguments in COMMANDS.items():
        times = []
        for _ in range(RUNS):
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - began)
        rows.append((name, statistics.median(times), min(times)))
    print_table(("command", "median s", "best s"), rows)

"""Start-up: how long the first answer of a command takes, as a new process each time.

Of a conversation it is the first prompt, on a terminal of its own.
"""

from __future__ import annotations

import os
import pty
import signal
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
CONVERSATIONS = {
    "sme, first prompt": ["-m", "sme_cli"],
    "sme chat localhost, first prompt": ["-m", "sme_cli", "chat", "localhost"],
}
PROMPT = "›".encode()
WHERE_IS_THE_CURSOR, AT_THE_TOP = b"\x1b[6n", b"\x1b[1;1R"


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
    for name, arguments in CONVERSATIONS.items():
        times = [_first_prompt(arguments) for _ in range(RUNS)]
        rows.append((name, statistics.median(times), min(times)))
    print_table(("command", "median s", "best s"), rows)


def _first_prompt(arguments: list[str]) -> float:
    """Seconds until a conversation's prompt is to be seen."""
    began = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    said = b""
    while PROMPT not in said:
        said += os.read(terminal, 65536)
        if said.endswith(WHERE_IS_THE_CURSOR):
            os.write(terminal, AT_THE_TOP)
    took = time.perf_counter() - began
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(terminal)
    return took

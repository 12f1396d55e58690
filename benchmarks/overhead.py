"""What we add to a model's answer: time to its first words, time a piece, memory of a chat.

All ways ask one scripted server, which answers at once, in turn: a bare HTTP client, litellm, our
gateway, and a talk as the chat has it. `cold` is a new process, from its start; `warm` has asked
before, over a connection that is kept. A talk sends tools and a case, the others one sentence.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks._ways import WAYS, Way, opened
from benchmarks.table import print_table

ROUNDS, COLD_ROUNDS, TURNS = 15, 3, 20
WORDS = 500
PLAN = """\
exchanges:
  - when: {last_user: "disk full"}
    says: "TEXT"
    chunks: words
    times: forever
"""


def main() -> None:
    """Print the tables."""
    with _server() as base:
        _times(base)
        print()
        _memory(base)


@contextmanager
def _server() -> Iterator[str]:
    """A scripted server in a process of its own; its address."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(PLAN.replace("TEXT", _text()))
        command = [sys.executable, "-m", "sme_agent.llm.scripted", str(plan)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                yield server.stdout.readline().strip()
            finally:
                server.terminate()


def _text() -> str:
    """Words in no order: what repeats itself is taken for a model that has lost its way."""
    pick = random.Random(1)
    return " ".join("".join(pick.choices("abcdefgh", k=6)) for _ in range(WORDS))


def _times(base: str) -> None:
    cold = {name: statistics.median(_cold(name, base) for _ in range(COLD_ROUNDS)) for name in WAYS}
    rows = []
    with ExitStack() as open_:
        ways = {name: open_.enter_context(opened(name, base)) for name in WAYS}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            for name, way in ways.items():
                one = _warm(way)
                if number:  # the first makes connections
                    taken[name].append(one)
    base_first, base_piece = (statistics.median(each) for each in zip(*taken["httpx"], strict=True))
    for name, times in taken.items():
        first, piece = (statistics.median(each) for each in zip(*times, strict=True))
        rows.append(
            (
                name,
                first * 1000,
                (first - base_first) * 1000,
                piece * 1e6,
                piece / base_piece,
                cold[name],
                cold[name] / cold["httpx"],
            )
        )
    print_table(
        ("way", "warm: first words ms", "added ms", "a piece µs", "×", "cold: first words s", "×"),
        rows,
    )


def _warm(way: Way) -> tuple[float, float]:
    """Seconds to the first piece, and for each of the others."""
    began = time.perf_counter()
    answer = way()
    next(answer)
    first = time.perf_counter()
    pieces = sum(1 for _ in answer)
    return first - began, (time.perf_counter() - first) / pieces


def _cold(name: str, base: str) -> float:
    """Seconds from the start of a process to the first piece."""
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks._ways", name, base]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(ran.stdout) - began


def _memory(base: str) -> None:
    """The resident memory of a process that has nothing but a talk, after so many turns."""
    code = f"""
from benchmarks._ways import opened
def resident():
    import re
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before = resident()
with opened("Talk.say", {base!r}) as way:
    for turn in range({TURNS}):
        for _ in way():
            pass
        if turn in (0, {TURNS // 2 - 1}, {TURNS - 1}):
            print(turn + 1, before, resident())
"""
    if not Path("/proc/self/status").exists():
        print("memory is not measured: there is no /proc here")
        return
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows = [line.split() for line in ran.stdout.splitlines()]
    print_table(
        ("turns of a chat", "MB before", "MB"),
        [(turn, float(before), float(after)) for turn, before, after in rows],
    )


if __name__ == "__main__":
    main()

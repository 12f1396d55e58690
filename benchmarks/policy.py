"""The command policy: lines a second, and how right it is, by the label of the line.

The lines with their verdicts are those of tests/tools/policy/families, written beside the
descriptions of the programs. Where the reference data is there, its commands.jsonl is measured too:
lines that others wrote and labelled as safe, mutating, dangerous or unknown. Of the safe ones at
least 95 % should be read-only, of the others not one.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import yaml

from benchmarks.table import data_folder, print_table
from sme_tools.safety.policy.judge import ORDINARY_FOLDER, judge
from sme_tools.safety.policy.verdict import Verdict

FAMILIES = Path(__file__).resolve().parent.parent / "tests/tools/policy/families"
VERDICTS = tuple(verdict.value for verdict in Verdict)
LONGEST = {
    "a line of 10 KB": "echo " + "x" * 10_000,
    "500 commands": "; ".join(["df -h"] * 500),
    "50 levels of $(…)": "echo " + "$(echo " * 50 + "x" + ")" * 50,
    "2,000 nested brackets": "(" * 2000 + "ls" + ")" * 2000,
    "braces of braces": "echo " + "{a,b}" * 40,
    "16 loops within each other": "for i in a b c d; do " * 16 + "ls" + "; done" * 16,
    "values of values": "a=x; " + "; ".join(["a=$a$a$a$a"] * 40) + "; echo $a",
    "functions of functions": ";".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}" for n in range(40)),
    "a name of 7,000 labels": "pg_isready -d 'host=" + "a." * 7000 + "1'",
    "3,000 literals of Python": "python3 -c '" + '"a"+' * 3000 + "'",
}


def main() -> None:
    """Print the tables."""
    lines = [
        (line.replace("⏎", "\n"), verdict)
        for file in sorted(FAMILIES.glob("*.yaml"))
        for verdict, listed in yaml.safe_load(file.read_text("utf-8")).items()
        for line in listed
    ]
    _speed([line for line, _ in lines])
    _table("own lines", lines)
    reference = data_folder("commands.jsonl")
    if reference is not None:
        rows = [json.loads(row) for row in reference.read_text("utf-8").splitlines()]
        _table("reference", [(row["command"], row["label"]) for row in rows])


def _speed(lines: list[str]) -> None:
    judge("true")  # reads the descriptions
    took = []
    for line in dict.fromkeys(lines):
        judge.cache_clear()
        began = time.perf_counter()
        judge(line)
        took.append(time.perf_counter() - began)
    rows: list[tuple[object, ...]] = [
        (f"{len(took)} lines, each", 1 / statistics.mean(took), statistics.median(took) * 1000,
         max(took) * 1000)
    ]  # fmt: skip
    for name, line in LONGEST.items():
        judge.cache_clear()
        began = time.perf_counter()
        verdict = judge(line).verdict.value
        ms = (time.perf_counter() - began) * 1000
        rows.append((f"{name}: {verdict}", "", "", ms))
    print_table(("line", "lines/s", "median ms", "most ms"), rows)


def _table(name: str, lines: Iterable[tuple[str, str]]) -> None:
    found = Counter((label, judge(line, ORDINARY_FOLDER).verdict.value) for line, label in lines)
    labels = list(dict.fromkeys(label for label, _ in found))
    rows = []
    for label in labels:
        counts = [found[label, verdict] for verdict in VERDICTS]
        rows.append((label, sum(counts), *counts, f"{100 * counts[0] / sum(counts):.1f} %"))
    print()
    print_table((name, "lines", *VERDICTS, "read-only"), rows)


if __name__ == "__main__":
    main()

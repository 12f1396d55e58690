"""Detection: findings on recorded outputs of real systems, against their labels.

A fault counts as found if a check gives a finding of medium or above, a warning if it gives any
finding of low or above; a healthy or misleading (trap) output counts as quiet if no finding is
medium or above. Outputs that no probe reads are listed apart.
"""

from __future__ import annotations

import json
from collections import Counter

from benchmarks.table import data_folder, print_table
from sme_tools.checks.check import shipped_checks
from sme_tools.checks.finding import Severity, at_least
from sme_tools.checks.run import run_checks
from sme_tools.errors import ProbeError, UnknownProbe
from sme_tools.recorded import facts_of_output


def main() -> None:
    """Print recall on faults, quiet on healthy outputs, and each miss by name."""
    folder = data_folder("outputs")
    if folder is None:
        print("skipped: no reference data (set SME_BENCH_DATA)")
        return
    checks = shipped_checks()
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    wrong: list[tuple[str, str, str, str]] = []
    unread: list[tuple[str, str, str]] = []
    for line in (folder / "index.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        output = (folder / row["file"]).read_bytes().decode("utf-8", "replace")
        try:
            facts = facts_of_output(row["command"], output)
        except UnknownProbe:
            unread.append((row["health"], row["command"], "no probe reads it"))
            continue
        except ProbeError as error:
            unread.append((row["health"], row["command"], str(error)))
            continue
        result = run_checks(checks, facts)
        found = [f"{finding.severity} {finding.check}" for finding in result.findings]
        graver = [f for f in result.findings if at_least(f.severity, _least(row["health"]))]
        expected = row["health"] in ("fault", "warning", "error")
        seen[row["health"]] += 1
        if row["health"] != "mixed" and bool(graver) == expected:
            right[row["health"]] += 1
        elif row["health"] != "mixed":
            wrong.append((row["health"], row["command"], row["fault_label"], "; ".join(found)))
    print_table(
        ("label", "outputs", "right", "share"),
        [(label, seen[label], right[label], right[label] / seen[label]) for label in seen],
    )
    if wrong:
        print()
        print_table(("wrong", "command", "label", "findings"), wrong)
    if unread:
        print()
        print_table(("not read", "command", "why"), unread)


def _least(label: str) -> Severity:
    return "low" if label in ("warning", "error") else "medium"

"""Digests of long outputs: is the fault in them, and how long do they take?

Measured is the share of the telling lines of an output that are still there in the digest
and in a plain head and tail of the same size. Telling are lines with a word of the fault's label
that no healthy output contains; where there is no such line, the output is not measured. `buried`
puts each output in the middle of all the healthy ones. Material: outputs/ of the reference data,
where it is there; speed is measured on texts made here.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import data_folder, print_table
from sme_tools.analysis.digest import digest
from sme_tools.safety.fence import shortened

BUDGETS = (400, 800, 1500, 3000, 6000)
LONG = 10_000_000


def main() -> None:
    """Print the tables."""
    _speed()
    folder = data_folder("outputs")
    if folder is not None:
        print()
        _visible(folder)


def _speed() -> None:
    pick = random.Random(1)
    words = ["".join(pick.choices("abcdefgh", k=7)) for _ in range(50_000)]
    texts: dict[str, Callable[[], str]] = {
        "health checks of a log": lambda: "\n".join(
            f"Nov 20 09:{n // 60 % 60:02}:{n % 60:02} web1 nginx[{n}]: 10.0.{n % 256}.7 GET /up 200"
            for n in range(LONG // 70)
        ),
        "lines of random words": lambda: "\n".join(
            " ".join(pick.choices(words, k=12)) for _ in range(LONG // 96)
        ),
        "errors, all different": lambda: "\n".join(
            "error " + " ".join(pick.choices(words, k=12)) for _ in range(LONG // 102)
        ),
        "one line": lambda: "".join(pick.choices("abcd, ", k=1000)) * (LONG // 1000),
        "NULs": lambda: "\0" * LONG,
        "nothing but newlines": lambda: "\n" * LONG,
        "JSON on one line": lambda: json.dumps(
            [{"name": f"pod-{n}", "restarts": n % 2, "image": "a" * 90} for n in range(LONG // 140)]
        ),
    }
    rows = []
    for name, make in texts.items():
        text = make()
        began = time.perf_counter()
        rendered = digest(text, most_chars=3000).render()
        rows.append((name, len(text) / 1e6, time.perf_counter() - began, len(rendered)))
    print_table(("text", "MB", "s", "characters of 3000"), rows)


def _visible(folder: Path) -> None:
    index = [json.loads(row) for row in (folder / "index.jsonl").read_text("utf-8").splitlines()]
    texts = {row["file"]: (folder / row["file"]).read_text("utf-8") for row in index}
    healthy = "\n".join(texts[row["file"]] for row in index if row["health"] == "healthy")
    middle = healthy.index("\n", len(healthy) // 2) + 1
    faults = [
        (texts[row["file"]], telling)
        for row in index
        if row["health"] in ("fault", "warning", "error")
        and (telling := _telling(texts[row["file"]], row["fault_label"], healthy.lower()))
    ]
    rows = []
    for budget in BUDGETS:
        for name, before, after in (("", "", ""), ("buried", healthy[:middle], healthy[middle:])):
            whole = [(before + text.rstrip("\n") + "\n" + after, lines) for text, lines in faults]
            long = [(text, lines) for text, lines in whole if len(text) > budget]
            if long:
                rows.append((budget, name, len(long), *_shares(long, budget)))
    print_table(
        ("characters", "", "outputs", "fault in digest", "in head and tail", "lines", "lines"), rows
    )


def _telling(text: str, label: str, healthy: str) -> list[str]:
    """The lines with a word of the label that the healthy outputs lack."""
    words = [word[:6] for word in re.findall(r"[a-z0-9]{3,}", label.lower())]
    rare = [word for word in words if word not in healthy]
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if any(word in line.lower() for word in rare)]


def _shares(outputs: list[tuple[str, list[str]]], budget: int) -> list[str]:
    """Outputs with a telling line shown, and telling lines shown; of the digest and of the ends."""
    shown = [
        (lines, digest(text, most_chars=budget).render(), shortened(text, budget))
        for text, lines in outputs
    ]
    faults = [
        sum(any(line[:60] in each[which] for line in each[0]) for each in shown) for which in (1, 2)
    ]
    total = sum(len(lines) for lines, *_ in shown)
    told = [sum(line[:60] in each[which] for each in shown for line in each[0]) for which in (1, 2)]
    return [
        *(f"{100 * found / len(shown):.0f} %" for found in faults),
        *(f"{100 * found / total:.0f} %" for found in told),
    ]


if __name__ == "__main__":
    main()

"""A table of figures, and where the material to measure against lies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headers, in columns; numbers to the right."""
    cells = [[f"{c:,.3g}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(line[n]) for line in [list(headers), *cells]) for n in range(len(headers))]
    for line in [list(headers), *cells]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def data_folder(name: str) -> Path | None:
    """A folder or file of the reference data: under SME_BENCH_DATA, or ../shared/data."""
    root = Path(__file__).resolve().parent.parent
    base = Path(os.environ.get("SME_BENCH_DATA", root.parent / "shared/data"))
    return base / name if (base / name).exists() else None

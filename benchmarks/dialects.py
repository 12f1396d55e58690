"""Tool calls in text: how many are read as they should be, how fast, and how long text is held.

The cases are texts of models with the calls and the content that are expected of them, as JSON
lines: raw_text, stream_chunks, tools_declared, expected_tool_calls, expected_content, dialect,
category. They are those of SME_BENCH_DATA (dsml_cases.jsonl), or of a file or folder that is given:
python -m benchmarks.dialects PATH.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import data_folder, print_table
from sme_agent.llm.dialects import Call, DialectReader, Fault, Piece, Said
from sme_agent.llm.dialects.pieces import merged

PROSE = "".join(
    f"The disk of `web{n}` is **full**: 98 % of /var is used, and < {n} GB are left [1].\n\n"
    for n in range(12_000)
)
CALL = (
    '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="write">\n'
    '<｜DSML｜parameter name="text" string="true">'
    + "if a < b: print('[x]')\n" * 40_000
    + "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"
)
SPEED = {
    "prose": PROSE,
    "one long argument": CALL,
    "tags that are none": "".join(f"<div><DSML {n}<｜x <tool < `{n}`\n" for n in range(30_000)),
}


def main() -> None:
    """Print the tables."""
    given = [Path(name) for name in sys.argv[1:] if Path(name).exists()]
    source = given[0] if given else data_folder("dsml_cases.jsonl")
    if source is not None:
        files = sorted(source.glob("*.jsonl")) if source.is_dir() else [source]
        rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
        _cases(rows)
        print()
    _speed()


def _cases(rows: Sequence[dict[str, Any]]) -> None:
    groups: dict[tuple[str, str], list[tuple[bool, bool, bool, bool]]] = defaultdict(list)
    wrong = []
    for row in rows:
        result = _case(row)
        groups[row["dialect"], row["category"]].append(result)
        if not all(result):
            wrong.append(row["id"])
    table = [(*key, len(got), *map(sum, zip(*got, strict=True))) for key, got in groups.items()]
    every = [result for got in groups.values() for result in got]
    table.append(("all", "", len(every), *map(sum, zip(*every, strict=True))))
    print_table(
        ("dialect", "category", "rows", "calls", "content", "char by char", "as streamed"), table
    )
    if wrong:
        print("not as expected: " + ", ".join(wrong))


def _case(row: dict[str, Any]) -> tuple[bool, bool, bool, bool]:
    """Whether the calls, the content, and both in other chunks are as they should be."""
    tools = {
        name: {"type": "object", "properties": {key: _schema(kind) for key, kind in known.items()}}
        for name, known in (row["tools_declared"] or {}).items()
    }
    pieces = _read([row["raw_text"]], tools)
    calls = [{"name": p.name, "arguments": p.arguments} for p in pieces if isinstance(p, Call)]
    content = "".join(p.text for p in pieces if isinstance(p, Said))
    return (
        calls == row["expected_tool_calls"],
        content == (row["expected_content"] or ""),
        _read(row["raw_text"], tools) == pieces,
        _read(row["stream_chunks"] or [], tools) == pieces if row["stream_chunks"] else True,
    )


def _schema(kind: str) -> dict[str, Any]:
    """The schema that a short description stands for: `integer|null`, `anyOf object|null`."""
    word, _, rest = kind.rpartition(" ")
    types = rest.split("|")
    return {word: [{"type": name} for name in types]} if word else {"type": types}


def _read(chunks: Sequence[str], tools: dict[str, Any]) -> list[Piece]:
    reader = DialectReader(tools)
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    return merged(pieces + reader.end())


def _speed() -> None:
    tools = {"write": {"type": "object", "properties": {"text": {"type": "string"}}}}
    table: list[tuple[object, ...]] = []
    for name, text in SPEED.items():
        speeds = []
        for size in (1, 4, len(text)):
            chunks = [text[at : at + size] for at in range(0, len(text), size)]
            began = time.perf_counter()
            pieces = _read(chunks, tools)
            speeds.append(len(text) / 1e6 / (time.perf_counter() - began))
        faults = sum(isinstance(piece, Fault) for piece in pieces)
        held = _held(text[:200_000], tools) if text is not CALL else ("", "")
        table.append((name, len(text) / 1e6, *speeds, faults, *held))
    print_table(
        ("text", "MB", "MB/s by char", "by 4", "whole", "faults", "held: mean", "most"), table
    )


def _held(text: str, tools: dict[str, Any]) -> tuple[float, int]:
    """How many characters wait to be said, on average and at most, when chunks have 4 of them."""
    reader = DialectReader(tools)
    said = count = total = most = 0
    for at in range(0, len(text), 4):
        pieces = reader.feed(text[at : at + 4])
        said += sum(len(piece.text) for piece in pieces if isinstance(piece, Said))
        held = min(at + 4, len(text)) - said
        count, total, most = count + 1, total + held, max(most, held)
    return total / count, most


if __name__ == "__main__":
    main()

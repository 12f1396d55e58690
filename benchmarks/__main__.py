"""Run the benchmarks: all of them, or those that are named."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> int:
    """Run each benchmark's `main`, which prints a table; returns the exit code."""
    known = sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.name.startswith("_") and module.name != "table"
    )
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"there is no benchmark {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr
        )
        return 2
    for name in names or known:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n== {name}: {module.__doc__.splitlines()[0]}", flush=True)
        module.main()
    return 0


sys.exit(main(sys.argv[1:]))

"""`sme` whose changes lock the host in a folder of the test's own, so that no other run is met.

As a program: python apart.py FOLDER ARGUMENTS…
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sme_cli import session
from sme_cli.app import main


def colleague_of(folder: Path) -> Callable[..., Any]:
    """What stands for `session.colleague`: the same, with its locks in this folder."""
    ours = session.colleague
    folder.mkdir(exist_ok=True)
    return lambda *words, **more: replace(ours(*words, **more), lock_folders=(str(folder),))


def program(folder: Path) -> str:
    """A script that is `sme` with its locks in this folder."""
    return (
        f"#!{sys.executable}\nfrom pathlib import Path\n\nimport apart\n\n"
        f"if __name__ == '__main__':\n    apart.run(Path({str(folder)!r}))\n"
    )


def run(folder: Path) -> None:
    """Be `sme`."""
    session.colleague = colleague_of(folder)
    main()


if __name__ == "__main__":
    own_locks = Path(sys.argv.pop(1))
    run(own_locks)

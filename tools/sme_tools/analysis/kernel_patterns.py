"""The wordings by which the kernel reports trouble; the table is kernel_patterns.yaml."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Pattern(NamedTuple):
    """One wording of one kind of event."""

    kind: str
    hint: str
    """Lower-case text that every such line contains."""
    regex: re.Pattern[str]
    """May name `subject`, `device` and `code`."""
    subject: str
    """For events whose line names none."""


@cache
def kernel_patterns() -> tuple[Pattern, ...]:
    """All wordings; the first that matches a line names its event."""
    import yaml

    table = (files("sme_tools.analysis") / "kernel_patterns.yaml").read_text("utf-8")
    return tuple(
        Pattern(
            row["kind"],
            row["hint"],
            re.compile(row["regex"], re.IGNORECASE),
            row.get("subject", "kernel"),
        )
        for row in yaml.load(table, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    )

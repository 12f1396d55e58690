"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Severity(StrEnum):
    """The severities, the gravest first; the names of `sme_tools.checks.finding.SEVERITIES`."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"
    info = "info"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
MinSeverity = Annotated[
    Severity | None,
    typer.Option(
        "--min-severity",
        help="From which severity on a finding counts; the setting min_severity otherwise.",
        show_default=False,
    ),
]

"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
MinSeverity = Annotated[
    Literal["critical", "high", "medium", "low", "info"] | None,
    typer.Option(
        "--min-severity",
        help="From which severity on a finding counts; the setting min_severity otherwise.",
        show_default=False,
    ),
]
Approve = Annotated[
    list[str] | None,
    typer.Option(
        "--approve",
        metavar="WHAT",
        help="Run this without asking: a plan, by the digest that its preview shows, or one "
        "command, by its exact text; repeatable.",
    ),
]

#!/usr/bin/env python3
"""Write the pages that are made from the code: python3 run.py docs. A test holds them current."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from sme_cli.render.diagnosis import document_schema
from sme_tools.checks.check import shipped_checks
from sme_tools.fact_types import describe_facts
from sme_tools.probes.registry import LEVELS, probes

FOLDER = Path(__file__).resolve().parent
MADE = "<!-- Made by docs/generate.py; edit the code instead. -->\n"


def facts_page() -> str:
    """Every probe and the facts it states."""
    lines = [
        MADE,
        "# Facts",
        "",
        "What can be known about a host, by domain. A probe's id is also the path of its facts in",
        "the document that `sme facts HOST --json` prints. What a host lacks is left out.",
        "",
        "Levels: " + ", ".join(f"{level} {name}" for level, name in LEVELS.items()) + ".",
    ]
    for domain, group in groupby(probes().values(), key=lambda probe: probe.id.split(".")[0]):
        lines += ["", f"## {domain}"]
        for probe in group:
            traits = [f"level {probe.level}"]
            traits += ["needs root"] if probe.needs_root else []
            traits += [f"absent without `{probe.tool}`"] if probe.tool else []
            lines += ["", f"### {probe.id}", "", f"{probe.summary} ({', '.join(traits)})"]
            if probe.reads:
                forms = ", ".join(f"`{form}`" for form in probe.reads)
                lines += ["", f"Also reads the recorded output of {forms}."]
            lines += ["", "```", *describe_facts(probe.returns), "```"]
    return "\n".join(lines) + "\n"


def checks_page() -> str:
    """Every check that ships."""
    lines = [
        MADE,
        "# Checks",
        "",
        "| check | severity | finds | limits |",
        "| --- | --- | --- | --- |",
    ]
    for check in shipped_checks():
        limits = ", ".join(f"{name} {value:g}" for name, value in check.limits.items())
        title = check.title.replace("|", "\\|")
        lines.append(f"| `{check.id}` | {check.severity} | {title} | {limits} |")
    return "\n".join(lines) + "\n"


def schema() -> str:
    """The JSON Schema of what `sme diagnose --json` prints."""
    return json.dumps(document_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES = {"facts.md": facts_page, "checks.md": checks_page, "diagnosis.schema.json": schema}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()

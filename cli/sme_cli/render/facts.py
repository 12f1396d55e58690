"""A host's facts, for reading."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sme_cli.render.out import print_json, print_text
from sme_tools.facts import DOMAINS, Facts


def print_facts(facts: Facts, *, as_json: bool) -> None:
    """The facts as JSON, or as lines `path: value`; what could not be read goes to stderr."""
    if as_json:
        print_json(facts.document())
        return
    document = facts.document()
    for domain in DOMAINS:
        if domain in document:
            print_text("\n".join(_lines(domain, document[domain])))
    for run in facts.unknown():
        sys.stderr.write(f"not known: {run.id}: {run.reason}\n")


def _lines(path: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _lines(f"{path}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, inner in enumerate(value):
            yield from _lines(f"{path}[{number}]", inner)
    elif isinstance(value, list):
        yield f"{path}: {', '.join(str(item) for item in value) or '(none)'}"
    else:
        yield f"{path}: {value}"

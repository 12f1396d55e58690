"""YAML front matter of a Markdown file."""

from __future__ import annotations

from typing import Any

from sme_tools.errors import KnownIssueInvalid
from sme_tools.yaml_source import read_yaml

REMEDY = "A known issue begins with a line ---, then YAML, then a line ---, then Markdown."


def split(text: str, source: str) -> tuple[str, str]:
    """The YAML between the two `---` lines, and the Markdown after them.

    The first `---` becomes a blank line, so that YAML's line numbers are those of the file.

    Raises:
        KnownIssueInvalid: there is no front matter, or it does not end.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        raise KnownIssueInvalid(f"{source}:1: no front matter", remedy=REMEDY)
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise KnownIssueInvalid(f"{source}:1: the front matter has no end", remedy=REMEDY)
    return "\n".join(["", *lines[1:end]]), "\n".join(lines[end + 1 :]).strip()


def read(text: str, source: str) -> dict[str, Any]:
    """The fields of the YAML part, as plain values.

    Raises:
        KnownIssueInvalid: it is not YAML, not a mapping, or gives a field twice.
    """
    values = read_yaml(text, source, KnownIssueInvalid, remedy=REMEDY)
    if not isinstance(values, dict):
        raise KnownIssueInvalid(f"{source}:1: the front matter holds no fields", remedy=REMEDY)
    return values

"""YAML front matter of a Markdown file."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import yaml

from sme_tools.errors import KnownIssueInvalid

MAX_DEPTH = 100

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
    if _depth(text) > MAX_DEPTH:
        raise KnownIssueInvalid(f"{source}:1: the front matter is nested too deeply", remedy=REMEDY)
    try:
        values = yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        raise KnownIssueInvalid(
            f"{source}:{mark.line + 1 if mark else 1}: not valid YAML: {problem}",
            remedy="Text with a colon, a quote or a leading special character needs quotes or |.",
        ) from error
    except ValueError as error:
        # A date such as 2026-13-45 passes YAML's grammar and fails its constructor.
        raise KnownIssueInvalid(f"{source}:1: front matter: {error}", remedy=REMEDY) from error
    if not isinstance(values, dict):
        raise KnownIssueInvalid(f"{source}:1: the front matter holds no fields", remedy=REMEDY)
    return values


def _depth(text: str) -> int:
    """No less than the depth to which the YAML is nested.

    libyaml's binding recurses in C and takes the whole process with it when the stack ends.
    """
    brackets = accumulate(1 if char in "[{" else -1 for char in re.findall(r"[\[\]{}]", text))
    leading = (match[0] for match in re.finditer(r"(?m)^(?:[ \t]|[-?:](?=[ \t]))+", text))
    return max(brackets, default=0) + max((len(found) for found in leading), default=0)


def _loader() -> Any:  # noqa: ANN401 - a class made of whichever parent there is
    """A safe loader that refuses a key given twice, which YAML forbids and PyYAML lets pass."""

    # libyaml is ten times as fast, and not in every build of PyYAML.
    class Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the field {key.value} comes twice", key.start_mark
                    )
                seen.add(key.value if isinstance(key.value, str) else id(key))
            values: dict[Any, Any] = super().construct_mapping(node, deep=deep)
            return values

    return Strict

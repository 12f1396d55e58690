"""YAML files that people write: fast to read, and precise about what is wrong in them."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sme_tools.errors import SmeError

MAX_DEPTH = 100

Location = tuple[str | int, ...]


class _Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader that refuses a key given twice: YAML forbids it, PyYAML lets it pass.

    Its parent is libyaml's where PyYAML was built with it, ten times as fast.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} comes twice", key.start_mark
                    )
                seen.add(key.value)
        values: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return values


def read_yaml(text: str, source: str, error: type[SmeError], *, remedy: str = "") -> Any:  # noqa: ANN401 - YAML
    """The plain values in a YAML text.

    Raises:
        error: it is not YAML, gives a key twice, or is nested too deeply; names `source` and line.
    """
    if _depth(text) > MAX_DEPTH:
        raise error(f"{source}:1: nested too deeply", remedy=remedy)
    try:
        return yaml.load(text, Loader=_Strict)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        what = getattr(problem, "problem", None) or str(problem).split("\n", 1)[0]
        line = mark.line + 1 if mark else 1
        raise error(f"{source}:{line}: not valid YAML: {what}", remedy=remedy) from problem
    except ValueError as problem:
        # A date such as 2026-13-45 passes YAML's grammar and fails its constructor.
        raise error(f"{source}:1: not valid YAML: {problem}", remedy=remedy) from problem


def _depth(text: str) -> int:
    """No less than the depth to which the YAML is nested.

    libyaml's binding recurses in C and takes the whole process with it when the stack ends.
    """
    brackets = accumulate(1 if char in "[{" else -1 for char in re.findall(r"[\[\]{}]", text))
    leading = (match[0] for match in re.finditer(r"(?m)^(?:[ \t]|[-?:](?=[ \t]))+", text))
    return max(brackets, default=0) + max((len(found) for found in leading), default=0)


def line_of(text: str, location: Location) -> int | None:
    """The 1-based line of the value at `location`, or of the nearest thing above it that exists."""
    node = yaml.compose(text, Loader=_Strict)
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def describe(
    problem: ValidationError, text: str, source: str, model: type[BaseModel], at: Location = ()
) -> str:
    """What the most telling validation error means: file, line, field, what is allowed there."""
    # A misspelt field is also a missing one; its own name is what helps.
    first = min(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")
    location = (*at, *first["loc"])
    line = line_of(text, location)
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"there is no such field; allowed: {', '.join(_fields(model, first['loc']))}"
    elif first["type"] == "missing":
        message = "this field is required"
    return f"{source}{f':{line}' if line else ''}: {where}: {message}"


def _fields(model: type[BaseModel], location: Location) -> list[str]:
    """The field names of the model that `location` lies in."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        for inner in _models_in(field.annotation if field else None):
            model = inner
    return list(model.model_fields)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]

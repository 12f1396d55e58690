"""YAML files that people write: fast to read, and precise about what is wrong in them."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sme_tools.errors import SmeError

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = tuple[str | int, ...]


def read_yaml(text: str, source: str, error: type[SmeError]) -> Any:  # noqa: ANN401 - YAML
    """The plain values in a YAML text. Raises `error`, naming `source` and the line."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        what = getattr(problem, "problem", None) or str(problem).split("\n")[0]
        raise error(f"{source}{line}: not valid YAML: {what}", remedy="") from problem


def line_of(text: str, location: Location) -> int | None:
    """The 1-based line of the value at `location`, or of the nearest thing above it that exists."""
    node = yaml.compose(text, Loader=_Loader)
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

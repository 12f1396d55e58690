"""The types that probes return, as JSON Schema and as lines for people."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter


def facts_schema(returns: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    """The JSON Schema of a probe's facts."""
    return TypeAdapter(returns).json_schema()


def describe_facts(returns: Any) -> list[str]:  # noqa: ANN401 - a type
    """Each field on a line: name, type, what it means; inner facts indented."""
    return list(_lines(returns, ""))


def type_name(kind: Any) -> str:  # noqa: ANN401 - a type
    """A type as it is written: `list[Filesystem]`, `float, if known`."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        names = [type_name(part) for part in args if part is not type(None)]
        return " or ".join(names) + (", if known" if type(None) in args else "")
    if origin is Literal:
        return " | ".join(repr(value) for value in args)
    if origin is not None:
        inner = ", ".join(type_name(part) for part in args if part is not Ellipsis)
        return f"{origin.__name__}[{inner}]"
    return getattr(kind, "__name__", str(kind))


def _lines(kind: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 - a type
    if not indent:
        yield type_name(kind)
    for model in _models(kind):
        docs = _field_docs(model)
        for name, field in model.model_fields.items():
            meaning = f"  # {docs[name]}" if name in docs else ""
            yield f"{indent}  {name}: {type_name(field.annotation)}{meaning}"
            if list(_models(field.annotation)):
                yield from _lines(field.annotation, indent + "  ")


def _models(kind: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)


def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings under a model's fields, on one line each."""
    docs: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not (issubclass(owner, BaseModel) and owner is not BaseModel):
            continue
        found = re.findall(
            r'^    (\w+): [^\n]+\n    """(.*?)"""', inspect.getsource(owner), re.M | re.S
        )
        docs |= {name: " ".join(text.split()) for name, text in found}
    return docs

"""Strict tool schemas: what providers that decode by a schema demand of it, and back again.

Source: OpenAI's structured outputs, which DeepSeek and others follow: every property is required,
nothing else is allowed, and what is optional may be null.
"""

from __future__ import annotations

import copy
from typing import Any

_UNKNOWN = (
    "default", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties",
    "maxProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "contains",
    "examples", "$schema", "title",
)  # fmt: skip
_BRANCHES = ("anyOf", "oneOf", "allOf")


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema in the strict form; the one given stays as it is."""
    result: dict[str, Any] = _strict(copy.deepcopy(schema))
    result.setdefault("type", "object")
    result.setdefault("properties", {})
    result.setdefault("required", [])
    result["additionalProperties"] = False
    return result


def without_nulls(arguments: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The arguments without the nulls that stand for options not given; `schema` is not strict."""
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    result: dict[str, Any] = {}
    for name, value in arguments.items():
        inner = properties.get(name, {})
        if value is None and name not in required and not _may_be_null(inner):
            continue
        result[name] = _clean(value, inner)
    return result


def _clean(value: object, schema: dict[str, Any]) -> object:
    if isinstance(value, dict) and "properties" in schema:
        return without_nulls(value, schema)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_clean(item, schema["items"]) for item in value]
    return value


def _strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    for key in _UNKNOWN:
        schema.pop(key, None)
    for key in (*_BRANCHES, "items", "not"):
        if key in schema:
            schema[key] = _strict(schema[key])
    for key in ("$defs", "definitions"):
        if isinstance(schema.get(key), dict):
            schema[key] = {name: _strict(part) for name, part in schema[key].items()}
    if isinstance(schema.get("properties"), dict):
        required = set(schema.get("required", ()))
        schema["properties"] = {
            name: _strict(part) if name in required else _nullable(_strict(part))
            for name, part in schema["properties"].items()
        }
        schema["required"] = list(schema["properties"])
    if schema.get("type") == "object":
        schema.setdefault("properties", {})
        schema.setdefault("required", [])
        schema["additionalProperties"] = False
    return schema


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if _may_be_null(schema):
        return schema
    kind = schema.get("type")
    if "enum" in schema or "const" in schema or not isinstance(kind, str | list):
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = [kind] if isinstance(kind, str) else kind
    return {**schema, "type": [*kinds, "null"]}


def _may_be_null(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    return any(
        isinstance(part, dict) and _may_be_null(part)
        for key in ("anyOf", "oneOf")
        for part in schema.get(key, ())
    )

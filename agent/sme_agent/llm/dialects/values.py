"""Arguments of a call: text and JSON values made into what the tool's JSON Schema asks for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from sme_agent.llm.dialects.repair import Json, lenient_json, strict_json

Schema = Mapping[str, Any]

_ENVELOPES = frozenset(("arguments", "args", "input", "parameters", "params", "kwargs"))
_CDATA = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*\Z", re.DOTALL)
_PYTHON_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
    (type(None), "null"),
)


def parameter_value(text: str, schema: Schema | None, string: bool | None) -> Json:
    """What a parameter that was written as text stands for.

    Args:
        text: As it stands between the tags.
        schema: Of the parameter; None if it is not known.
        string: What the tag says: text as it is, JSON, or nothing.
    """
    if cdata := _CDATA.match(text):
        text = cdata[1]
    types = allowed_types(schema)
    if string and ("string" in types or not types):
        return text
    if string is None:
        text = text.removeprefix("\n").removesuffix("\n")
        if types == {"string"}:
            return text
    return _typed(text, types)


def fitted(arguments: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """Arguments without an envelope around them, each of the type that the schema asks for."""
    properties = _properties(schema)
    if properties is None:
        return arguments
    arguments = _without_envelope(arguments, properties)
    return {
        name: _coerced(value, allowed_types(properties.get(name)))
        for name, value in arguments.items()
    }


def property_schema(schema: Schema | None, name: str) -> Schema | None:
    """The schema of one argument; None if nothing is known about it."""
    found = (_properties(schema) or {}).get(name)
    return found if isinstance(found, Mapping) else None


def allowed_types(schema: object) -> set[str]:
    """The JSON types that a schema allows; empty if it does not say."""
    if not isinstance(schema, Mapping):
        return set()
    types = schema.get("type")
    if isinstance(types, str):
        return {types}
    if isinstance(types, list):
        return {name for name in types if isinstance(name, str)}
    if "const" in schema or isinstance(schema.get("enum"), list):
        return {_type_of(value) for value in schema.get("enum", [schema.get("const")])}
    choices = [allowed_types(s) for key in ("anyOf", "oneOf") for s in schema.get(key) or ()]
    if all(choices):
        return {name for choice in choices for name in choice}
    return set()


def _properties(schema: Schema | None) -> Mapping[str, Any] | None:
    properties = schema.get("properties") if schema else None
    return properties if isinstance(properties, Mapping) else None


def _without_envelope(arguments: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The inner object where all came as one argument, whose name the tool does not know."""
    if len(arguments) != 1:
        return arguments
    ((name, inner),) = arguments.items()
    if name not in _ENVELOPES or name in properties:
        return arguments
    if isinstance(inner, str):
        inner = lenient_json(inner)
    if isinstance(inner, dict) and inner.keys() <= properties.keys():
        return inner
    return arguments


def _typed(text: str, types: set[str]) -> Json:
    """Text that should be JSON; the text itself where it is not."""
    try:
        value = strict_json(text)
    except ValueError:
        wanted = not types or types & {"object", "array"}
        value = lenient_json(text, complete=True) if wanted else None
        if not isinstance(value, dict | list):
            return _words(text, types)
    if "string" in types and _type_of(value) not in types:
        return text
    return _coerced(value, types)


def _words(text: str, types: set[str]) -> Json:
    """Text that is no JSON: Python's words for true, false and null are taken for JSON's."""
    word = text.strip().lower()
    if "boolean" in types and word in ("true", "false"):
        return word == "true"
    if "null" in types and word in ("null", "none"):
        return None
    return text


def _coerced(value: Json, types: set[str]) -> Json:
    """A value as one of the types, where nothing is lost by it; else unaltered."""
    if isinstance(value, float) and value.is_integer() and types & {"integer", "number"}:
        return int(value)
    if not types or _fits(value, types):
        return value
    if isinstance(value, str):
        return _from_string(value, types)
    if types <= {"string", "null"} and value is not None:
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None and types == {"string"} else value


def _from_string(text: str, types: set[str]) -> Json:
    value = _typed(text, types - {"string"})
    return value if _fits(value, types) else text


def _fits(value: Json, types: set[str]) -> bool:
    name = _type_of(value)
    return name in types or (name == "integer" and "number" in types)


def _type_of(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return "number"
    return next((name for kind, name in _PYTHON_TYPES if isinstance(value, kind)), "")

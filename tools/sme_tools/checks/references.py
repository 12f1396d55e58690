"""Which facts a condition names, and whether any probe states them.

CEL itself finds a misspelt fact only on a host that should have it, where it looks like a host
that lacks it. So the names are read from the text and looked up in the types the probes return.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from sme_tools.facts import DOMAINS
from sme_tools.probes.registry import probes

_TOKEN = re.compile(
    r"""(?P<string>r?'(?:[^'\\]|\\.)*'|r?"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_]\w*)|(?P<other>\S)"""
)
_MACROS = {"all", "exists", "exists_one", "filter", "map"}
_CEL_WORDS = {"true", "false", "null", "in"}


def paths(expression: str) -> Iterator[str]:
    """The dotted paths that the expression names, without method names: `f.used_percent`."""
    for names, _ in _chains(expression):
        yield ".".join(names)


@cache
def probes_named(expression: str, each: str | None = None) -> tuple[str, ...]:
    """The ids of the probes whose facts the expression (and the path of `each`) rests on."""
    named = [*paths(expression), *([each.split(" as ")[0].strip()] if each else [])]
    known = probes()
    found = {
        id
        for path in named
        for id in known
        if path == id or path.startswith(id + ".") or id.startswith(path + ".")
    }
    return tuple(sorted(found))


def unknown_references(
    expression: str, each: str | None = None, variables: Mapping[str, Any] | None = None
) -> list[str]:
    """The paths in an expression that no probe states, in order.

    `variables` are further names: their types, or a mapping of the names they hold.
    """
    scope: dict[str, Any] = {**_domains(), "now": str, **(variables or {})}
    unknown = []
    if each is not None:
        path, _, name = (part.strip() for part in each.partition(" as "))
        item = _item(_resolve(scope, path.split(".")))
        if item is None:
            return [path]
        scope[name] = item
    for names, bound in _chains(expression):
        if names[0] in _CEL_WORDS:
            continue
        found = _resolve(scope, names)
        if found is None:
            unknown.append(".".join(names))
        elif bound:
            scope[bound] = _item(found) or Any
    return unknown


def item_type(each: str | None) -> Any:  # noqa: ANN401 - a type
    """The type of the items of `PATH as NAME`; Any where there is none."""
    if each is None:
        return Any
    found = _resolve(_domains(), each.split(" as ")[0].strip().split("."))
    return (_item(found) if found is not None else None) or Any


def _chains(expression: str) -> Iterator[tuple[list[str], str | None]]:
    """Each dotted chain of names, with the variable that a comprehension over it binds."""
    tokens = [(m.lastgroup, m.group()) for m in _TOKEN.finditer(expression)]
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        if kind != "name" or (at and tokens[at - 1][1] == "."):
            at += 1
            continue
        names = [text]
        at += 1
        while at + 1 < len(tokens) and tokens[at][1] == "." and tokens[at + 1][0] == "name":
            names.append(tokens[at + 1][1])
            at += 2
        called = at < len(tokens) and tokens[at][1] == "("
        bound = None
        if called:
            method = names.pop()
            if method in _MACROS and at + 1 < len(tokens):
                bound = tokens[at + 1][1]
        if names:
            yield names, bound


@cache
def _domains() -> dict[str, Any]:
    tree: dict[str, Any] = {domain: {} for domain in DOMAINS}
    for probe in probes().values():
        *parents, last = probe.id.split(".")
        target = tree
        for name in parents:
            target = target.setdefault(name, {})
        target[last] = probe.returns
    return tree


def _resolve(scope: Mapping[str, Any], names: list[str]) -> Any:  # noqa: ANN401 - a type
    """The type that a chain of names leads to, or None."""
    found: Any = scope.get(names[0])
    for name in names[1:]:
        found = _step(found, name)
        if found is None:
            return None
    return found


def _step(kind: Any, name: str) -> Any:  # noqa: ANN401 - a type
    kind = _without_none(kind)
    if kind is Any:
        return Any
    if isinstance(kind, Mapping):
        return kind.get(name)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(name)
        return field.annotation if field else None
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return None


def _item(kind: Any) -> Any:  # noqa: ANN401 - a type
    kind = _without_none(kind)
    if kind is Any:
        return Any
    if get_origin(kind) in (list, tuple):
        return get_args(kind)[0]
    return str if get_origin(kind) is dict else None


def _without_none(kind: Any) -> Any:  # noqa: ANN401 - a type
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return rest[0] if len(rest) == 1 else Any
    return kind

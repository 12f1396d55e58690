"""Conditions over facts, in the Common Expression Language (https://cel.dev).

CEL can't loop for ever, call out or write, and its regular expressions are linear. Facts hold no
nulls, so a condition that names what a host lacks meets a missing key and is "not applicable".
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sme_tools.checks.ties import ties
from sme_tools.facts import DOMAINS, Facts

if TYPE_CHECKING:
    import cel

MAX_LENGTH = 2_000
MAX_COMPREHENSIONS = 4
"""Comprehensions can nest, and each level multiplies the work; more than this is refused."""

_EACH = re.compile(r"^\s*([a-z0-9_.]+)\s+as\s+([a-z][a-z0-9_]*)\s*$")
_COMPREHENSION = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(")


@cache
def _cel() -> ModuleType:
    """The package `cel`, without its command line.

    Its __init__ imports that too, and with it prompt_toolkit: 0.15 s that no condition needs.
    """
    stand_in = ModuleType("cel.cli")
    if sys.modules.setdefault("cel.cli", stand_in) is stand_in:
        try:
            return importlib.import_module("cel")
        finally:
            del sys.modules["cel.cli"]
    return importlib.import_module("cel")


@dataclass(frozen=True)
class Holds:
    """The condition is true; `items` are those of `each` it holds for, or one empty item."""

    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Clear:
    """The condition could be judged and is false."""


@dataclass(frozen=True)
class NotApplicable:
    """The host lacks a fact that the condition names."""

    missing: str


@dataclass(frozen=True)
class Failed:
    """The condition itself is wrong: a type error, an unknown name or function."""

    error: str


Verdict = Holds | Clear | NotApplicable | Failed


class FactContext:
    """One host's facts, made ready for many conditions."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._context: cel.Context = _cel().Context(
            {domain: facts.values.get(domain, {}) for domain in DOMAINS}
            | {"now": facts.observed_at}
        )
        for name, function in ties(facts).items():
            self._context.add_function(name, function)

    def bind(self, variables: Mapping[str, Any]) -> cel.Context:
        """The context with these variables set; valid until the next call."""
        for name, value in variables.items():
            self._context.add_variable(name, value)
        return self._context


@dataclass(frozen=True)
class Condition:
    """A compiled condition, over the facts as a whole or over each item of a list."""

    text: str
    each: str | None
    """The path of the list, such as `storage.filesystems`."""
    name: str | None
    """What an item is called in the condition, such as `f`."""
    program: cel.Program

    @classmethod
    def compile(cls, text: str, each: str | None = None) -> Condition:
        """Compile a condition; `each` is `PATH as NAME`.

        Raises:
            ValueError: it is not CEL, or longer or deeper nested than is allowed; the message
                is one line.
        """
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a condition has at most {MAX_LENGTH} characters, not {len(text)}")
        if len(_COMPREHENSION.findall(text)) > MAX_COMPREHENSIONS:
            raise ValueError(f"a condition has at most {MAX_COMPREHENSIONS} comprehensions")
        path = name = None
        if each is not None:
            match = _EACH.match(each)
            if not match:
                raise ValueError(f"`each` is PATH as NAME, not {each!r}")
            path, name = match.groups()
        try:
            return cls(text, path, name, _cel().compile(text))
        except ValueError as error:
            raise ValueError(f"not a CEL condition: {_first_problem(error)}") from error

    def evaluate(self, context: FactContext, variables: Mapping[str, Any] | None = None) -> Verdict:
        """Judge the condition; `variables` are further names it may use, such as `limits`.

        Of a list, the items that lack a fact are passed over; if all do, the condition is not
        applicable.
        """
        variables = variables or {}
        if self.each is None:
            return self._judge(context.bind(variables), {})
        items = context.facts.get(self.each)
        if items is None:
            return NotApplicable(self.each)
        return self._judge_items(context, items, variables)

    def _judge_items(
        self, context: FactContext, items: list[Any], variables: Mapping[str, Any]
    ) -> Verdict:
        assert self.name is not None
        holding: list[dict[str, Any]] = []
        missing: NotApplicable | None = None
        judged = not items
        for item in items:
            verdict = self._judge(context.bind({**variables, self.name: item}), item)
            match verdict:
                case Failed():
                    return verdict
                case NotApplicable():
                    missing = verdict
                case Clear():
                    judged = True
                case Holds():
                    holding.append(item)
        if holding:
            return Holds(tuple(holding))
        return Clear() if judged or missing is None else missing

    def text_value(
        self, context: FactContext, variables: Mapping[str, Any] | None = None
    ) -> str | NotApplicable | Failed:
        """What the expression gives as text, for one that is no condition but names something."""
        result = self._execute(context.bind(variables or {}))
        if isinstance(result, NotApplicable | Failed):
            return result
        if isinstance(result, bool) or not isinstance(result, str | int):
            return Failed(f"gives {type(result).__name__}, not text")
        return str(result)

    def _execute(self, context: cel.Context) -> object:
        try:
            return self.program.execute(context)
        except KeyError as error:
            return NotApplicable(str(error.args[0]))
        except (TypeError, ValueError, RuntimeError, IndexError, OverflowError) as error:
            return Failed(_first_problem(error))

    def _judge(self, context: cel.Context, item: object) -> Verdict:
        result = self._execute(context)
        if isinstance(result, NotApplicable | Failed):
            return result
        if not isinstance(result, bool):
            return Failed(f"gives {type(result).__name__}, not true or false")
        if not result:
            return Clear()
        return Holds((item if isinstance(item, dict) else {"value": item},))


def matches_any(expression: str, lines: Sequence[str]) -> bool:
    """Whether a regular expression is found in any of the lines, in time linear in their length.

    Raises:
        ValueError: it is no regular expression of CEL's, which has no look-around.
    """
    try:
        return bool(_finder().execute({"lines": list(lines), "expression": expression}))
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"not a regular expression: {_first_problem(error)}") from error


@cache
def _finder() -> cel.Program:
    program: cel.Program = _cel().compile("lines.exists(line, line.matches(expression))")
    return program


def _first_problem(error: Exception) -> str:
    text = str(error)
    found = re.search(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?(.*)", text)
    return f"column {found[1]}: {found[2]}" if found else text.split("\n")[0][:200]

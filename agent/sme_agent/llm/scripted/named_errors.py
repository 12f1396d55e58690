"""Errors of providers by name, in the form in which each family of providers sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from sme_agent.llm.scripted.asked import Api


@dataclass(frozen=True)
class Form:
    """An HTTP answer."""

    status: int
    body: dict[str, Any] | str
    """An object is sent as JSON, a text as it is."""
    headers: dict[str, str] = field(default_factory=dict)


@cache
def named_errors() -> dict[str, dict[str, Form]]:
    """Every error by name, then by family; the first family stands for those that lack it."""
    text = (files("sme_agent.llm.scripted") / "named_errors.yaml").read_text("utf-8")
    return {
        name: {family: Form(**form) for family, form in families.items()}
        for name, families in yaml.safe_load(text).items()
    }


def named_error(name: str, api: Api = "openai") -> Form:
    """The form of `NAME` for this API, or of `FAMILY/NAME`.

    Raises:
        ValueError: there is no such error, or the family has no form of its own for it.
    """
    family, _, short = name.rpartition("/")
    known = named_errors()
    if short not in known:
        raise ValueError(f"no error is called {short!r}; there are: {', '.join(known)}")
    forms = known[short]
    if family and family not in forms:
        raise ValueError(f"{short} has no form for {family!r}; it has: {', '.join(forms)}")
    return forms[family or api] if (family or api) in forms else next(iter(forms.values()))

"""litellm's table of models, read without importing litellm, which takes three seconds."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FILE = "model_prices_and_context_window_backup.json"


@functools.cache
def price_map() -> Mapping[str, dict[str, Any]]:
    """What litellm knows of each model: windows, prices, abilities; empty if it is not there."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    try:
        table = json.loads((Path(spec.origin).parent / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def known(provider: str, name: str) -> dict[str, Any]:
    """What is known of a model; `name` as litellm has it. Empty if nothing is.

    Aggregators write a model's name in one more form, and a date or a tag often follows it.
    """
    table = price_map()
    bare = name.removeprefix(f"{provider}/")
    for key in (name, f"{provider}/{bare}", bare):
        found = table.get(key)
        if found is not None and _is_of(found, provider, key):
            return found
    return {}


def _is_of(found: dict[str, Any], provider: str, key: str) -> bool:
    """Whether an entry without a provider in its name is this provider's."""
    owner = str(found.get("litellm_provider", ""))
    return "/" in key or owner.startswith(provider) or provider in ("bedrock", "vertex_ai")

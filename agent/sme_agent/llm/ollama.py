"""What Ollama needs of its own: a context length with each request, and a look at what it cut.

Ollama gives a model 4,096 tokens (older versions 2,048) unless it is told otherwise, and cuts what
is longer without a word. Another length than last time makes it load the model anew, so lengths are
powers of two, and never shrink within one program.
"""

from __future__ import annotations

import threading
from typing import Any

from sme_agent.llm.model import Model
from sme_tools.errors import ContextTooLong

LEAST_CONTEXT = 8192
KEEP_ALIVE = "30m"
"""How long the model stays loaded after an answer: a person reads, approves, comes back."""
_SHORTEST_CUT = 1500
"""Tokens. No server cuts a prompt that is shorter."""

_given: dict[tuple[str, str], int] = {}
_lock = threading.Lock()


def ollama_parameters(model: Model, need: int) -> dict[str, Any]:
    """`num_ctx` and `keep_alive`; `need` is the tokens of prompt and answer together."""
    return {"keep_alive": KEEP_ALIVE, "num_ctx": context_for(model, need)}


def context_for(model: Model, need: int) -> int:
    """The context length to ask for: what is needed, rounded up, at most the model's window."""
    window = model.traits.window
    if model.options.context_tokens is not None:
        return window
    length = LEAST_CONTEXT
    while length < need:
        length *= 2
    key = (model.options.api_base or "", model.litellm_name)
    with _lock:
        length = min(max(length, _given.get(key, 0)), window)
        _given[key] = length
    return length


def check_not_cut(model: Model, estimated: int, counted: int | None, context: int | None) -> None:
    """See that the server has read the whole prompt, `estimated` tokens by our own count.

    `counted` is its own count, and `context` what we asked it for.

    Raises:
        ContextTooLong: it read much less than we sent.
    """
    if not counted or estimated < _SHORTEST_CUT:
        return
    # A cut prompt ends at the server's limit, or somewhat below it, where whole messages go.
    at_limit = counted % 256 == 0 or (context is not None and counted >= 0.9 * context)
    if counted >= estimated * (0.85 if at_limit else 0.5):
        return
    raise ContextTooLong(
        f"the server read {counted} tokens of a prompt of about {estimated}: it cut the rest",
        model=model.name,
        remedy=(
            "Give the server a longer context (OLLAMA_CONTEXT_LENGTH, num_ctx in the Modelfile), "
            f'or tell how much it holds: [model."{model.name}"] context_tokens in config.toml.'
        ),
    )

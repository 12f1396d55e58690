"""One attempt at one answer of one model: a request, and what comes of it.

Retries, other models and budgets are the gateway's; here each failure is one `ModelError`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

from sme_agent.llm.assembly import Assembly
from sme_agent.llm.chunks import NoAnswer
from sme_agent.llm.classify import classify
from sme_agent.llm.events import Asking, LlmEvent
from sme_agent.llm.litellm_start import await_start
from sme_agent.llm.manner import provider_of
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.ollama import check_not_cut
from sme_agent.llm.reading import End, Reading, Refusal
from sme_agent.llm.request import Request, request_for
from sme_agent.llm.shapes.piece import StreamError
from sme_agent.llm.tokens import CALIBRATION
from sme_prompts.load import Prompts
from sme_tools.errors import Interrupted, ModelError, ModelUnreachable, SmeError


def attempt(
    model: Model,
    prompt: Prompt,
    *,
    cancelled: threading.Event,
    without: Collection[str] = frozenset(),
    prompts: Prompts | None = None,
) -> Iterator[LlmEvent]:
    """Ask once. Yields `Asking`, then what is said as it comes, at last `Answered`.

    An attempt that fails yields `Wasted` at last, where the provider told what it took.

    Args:
        cancelled: when set, the connection is closed and `Interrupted` raised within 0.2 s.
        without: parameters that the server has refused before: temperature, strict, tool_choice,
            stream_options, reasoning_effort, cache_control, reasoning_content, stream, tools, …
        prompts: the words for models without tools; by default those shipped.

    Raises:
        ModelError: one of its classes; nothing of the answer counts.
        Interrupted: `cancelled` was set.
        SecretUnavailable: the key is not where the settings say.
    """
    if cancelled.is_set():
        raise Interrupted("stopped before the model was asked")
    await_start(cancelled)
    request = request_for(model, prompt, prompts or Prompts(), without=without)
    tokens = CALIBRATION.tokens(model.name, request.estimated)
    yield Asking(model=model.name, tokens=tokens, window=model.traits.window)
    strict = model.options.strict_tools and "strict" not in without
    assembly = Assembly(model, prompt, strict=strict)
    try:
        yield from _answer(model, request, assembly, cancelled)
    except ModelError:
        yield from assembly.wasted()
        raise


def _answer(
    model: Model, request: Request, assembly: Assembly, cancelled: threading.Event
) -> Iterator[LlmEvent]:
    reading = Reading(model, request)
    try:
        yield from _read(reading, assembly, cancelled)
    except SmeError:
        raise
    except Exception as error:  # litellm and its providers raise whatever they like
        raise _classified(error, model) from error
    finally:
        reading.close()
    _check(model, request, assembly)
    yield assembly.answered(estimated=request.estimated)


def _read(reading: Reading, assembly: Assembly, cancelled: threading.Event) -> Iterator[LlmEvent]:
    for piece in reading.pieces(cancelled):
        if isinstance(piece, End):
            yield from assembly.end(complete=piece.complete)
        else:
            yield from assembly.feed(piece)


def _check(model: Model, request: Request, assembly: Assembly) -> None:
    if provider_of(model.litellm_name) == "ollama_chat":
        estimated = CALIBRATION.tokens(model.name, request.estimated)
        check_not_cut(model, estimated, assembly.counts.input, request.context)


def _classified(error: Exception, model: Model) -> ModelError:
    provider = provider_of(model.litellm_name)
    if isinstance(error, NoAnswer):
        return ModelUnreachable(
            f"what answered is no model's server: {error}",
            model=model.name,
            remedy='Check its address: [model."{model}"] api_base in config.toml. A proxy may ask '
            "for a login first.",
        )
    # What came says more than what litellm makes of it.
    if isinstance(error, StreamError):
        return classify(error.body, model=model.name, provider=provider)
    if isinstance(error, Refusal):
        return classify(error.record, model=model.name, provider=provider)
    return classify(error, model=model.name, provider=provider)

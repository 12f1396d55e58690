"""The reading of one answer in a thread of its own, so that nobody waits for a silent server.

litellm makes the request: the address, the headers, the form of the body are its work. The answer
is read by us, from the same connection. litellm's reader ends every stream with a "stop" of its
own, so a broken connection looks like an answer; it takes Ollama's errors for bad requests, cuts
text that holds `[DONE]`, and drops signatures and details of reasoning. It reads only the forms
that we don't know.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sme_agent.llm import shapes
from sme_agent.llm.chunks import Done, Event, NoAnswer, events
from sme_agent.llm.litellm_start import start
from sme_agent.llm.manner import provider_of
from sme_agent.llm.model import Model
from sme_agent.llm.request import Request
from sme_agent.llm.shapes.piece import Piece
from sme_tools.errors import Interrupted

if TYPE_CHECKING:
    from sme_agent.llm.line import Exchange

_MAX_ERROR_BYTES = 1 << 20
_LOOK_S = 0.05
"""How often is looked whether the user has stopped it; what comes is passed on at once."""


class End:
    """No more comes. `complete` says whether the server said so."""

    def __init__(self, *, complete: bool) -> None:
        self.complete = complete


class Refusal(Exception):
    """The server answered with an error; `record` has its status, headers and body."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(f"the server answered {record['status']}")
        self.record = record


class Reading:
    """A request under way; `pieces` yields what comes. Must be closed."""

    def __init__(self, model: Model, request: Request) -> None:
        import httpx

        from sme_agent.llm.line import Exchange

        options = model.options
        self._timeout = httpx.Timeout(
            connect=options.connect_timeout_s,
            read=options.read_timeout_s,
            write=options.write_timeout_s,
            pool=options.connect_timeout_s,
        )
        # Amazon's requests are signed with their body.
        signed = provider_of(model.litellm_name) in ("bedrock", "sagemaker", "sagemaker_chat")
        self._parameters = request.parameters
        self._exchange = Exchange(
            self._timeout,
            server=self._parameters.get("api_base"),
            amend=None if signed else request.amend,
        )
        self._came: queue.SimpleQueue[Piece | End | BaseException] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name=f"asking {model.name}", daemon=True)
        self._thread.start()

    def pieces(self, cancelled: threading.Event) -> Iterator[Piece | End]:
        """What comes, ending with `End`.

        Raises:
            Interrupted: `cancelled` was set.
            Exception: whatever the request or the reading failed with.
        """
        while True:
            if cancelled.is_set():
                raise Interrupted("stopped while the model answered")
            try:
                came = self._came.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(came, BaseException):
                raise came
            yield came
            if isinstance(came, End):
                return

    def close(self) -> None:
        """Break the connection, if the answer is not read to its end."""
        self._exchange.cut()

    def _read(self) -> None:
        try:
            with self._exchange as exchange:
                for piece in self._answer(exchange):
                    self._came.put(piece)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            self._came.put(error)

    def _answer(self, exchange: Exchange) -> Iterator[Piece | End]:
        litellm = start()
        try:
            answer = litellm.completion(**self._parameters, timeout=self._timeout)
            if exchange.body is None and hasattr(answer, "fetch_sync_stream"):
                answer.fetch_sync_stream()
        except Exception as error:
            if exchange.status is not None and exchange.status >= 400:
                raise _refusal(exchange) from error
            # litellm stumbles over answers that are a little different from what it expects.
            if exchange.status is None or not _is_known(exchange):
                raise
            answer = None
        known = exchange.body is not None and _is_known(exchange)
        yield from _pieces(events(exchange.body or ()) if known else _of_litellm(answer))


def _refusal(exchange: Exchange) -> Refusal:
    """What came, as it came: litellm's exceptions lose much of it."""
    import httpx

    data = b""
    try:
        for chunk in exchange.body or ():
            data += chunk
            if len(data) > _MAX_ERROR_BYTES:
                break
    except httpx.HTTPError:
        pass
    text = data.decode("utf-8", "replace")
    return Refusal({"status": exchange.status, "headers": dict(exchange.headers), "body": text})


def _is_known(exchange: Exchange) -> bool:
    """Whether the answer is of a form that we read: told from its first event."""
    if exchange.body is None or exchange.headers.get("content-type", "").startswith(
        "application/vnd.amazon.eventstream"
    ):
        return False
    try:
        first = next(events(exchange.body), None)
    except NoAnswer:
        return True
    if first is None or isinstance(first, Done):
        return True
    return shapes.reader_for(first) is not None or shapes.error_in(first) is not None


def _pieces(came: Iterator[Event | Done]) -> Iterator[Piece | End]:
    reader: shapes.Reader | None = None
    complete = False
    for event in came:
        if isinstance(event, Done):
            complete = True
            continue
        error = shapes.error_in(event)
        if error is not None:
            raise error
        reader = reader or shapes.reader_for(event)
        if reader is not None:
            yield from reader(event)
    yield End(complete=complete)


def _of_litellm(answer: Any) -> Iterator[Event | Done]:  # noqa: ANN401 - litellm has many
    """The events of a form that litellm alone reads, in OpenAI's form."""
    if not hasattr(answer, "completion_stream"):
        yield answer.model_dump(warnings=False)
        return
    for chunk in answer.completion_stream:
        if not isinstance(chunk, dict):
            yield chunk.model_dump(warnings=False)
            continue
        # litellm's form for providers that have no other there.
        delta: Event = {"content": chunk.get("text") or ""}
        if chunk.get("tool_use"):
            delta["tool_calls"] = [chunk["tool_use"]]
        reason = chunk.get("finish_reason") if chunk.get("is_finished") else None
        yield {
            "choices": [{"delta": delta, "finish_reason": reason}],
            "usage": chunk.get("usage"),
        }

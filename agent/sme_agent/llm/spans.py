"""OpenTelemetry spans of model and tool calls, named as the semantic conventions for generative AI
have it: https://opentelemetry.io/docs/specs/semconv/gen-ai/

Where they go is said by the OTEL_* variables (OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS,
OTEL_SERVICE_NAME, …); OTLP over HTTP is spoken. The tracer is our own: a global one is left alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sme_agent.llm.messages import AssistantMessage, Message, ToolMessage, Usage
from sme_tools.errors import SettingsInvalid

if TYPE_CHECKING:
    import logging

    from opentelemetry.trace import Span as OtelSpan

    from sme_agent.llm.events import Answered
    from sme_agent.llm.model import Model, Prompt

CLOSING_S = 5.0
"""How long the last spans may take to be delivered when we end."""
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Names of litellm that the conventions spell otherwise."""
_ENDED = {"calls": "tool_calls"}


class Span:
    """One span that is under way."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def answered(self, answer: Answered) -> None:
        """Note how the model ended."""
        ended = _ENDED.get(answer.ended, answer.ended)
        self._span.set_attribute("gen_ai.response.finish_reasons", [ended])
        self._span.set_attribute("gen_ai.response.time_to_first_chunk", answer.first_token_s)

    def used(self, usage: Usage) -> None:
        """Note what the call took."""
        self._span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
        self._span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
        self._span.set_attribute("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens)
        self._span.set_attribute("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens)

    def content(self, attributes: Mapping[str, str], hide: Callable[[str], str]) -> None:
        """Note what was said."""
        for name, text in attributes.items():
            self._span.set_attribute(name, hide(text))

    def failed(self, error: str) -> None:
        """Note the class of the error that ended the call."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """The call is over; its span is sent in the background."""
        self._span.end()


class Tracing:
    """The spans of one session, below one span for the whole of it."""

    def __init__(self, session: str) -> None:
        """Raises:
        SettingsInvalid: the packages are not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as missing:
            raise SettingsInvalid(
                f"[telemetry] traces is on, and the package {missing.name} is not installed",
                remedy="Install it: pip install 'debug-sme[opentelemetry]'. Or set traces = false",
            ) from None
        self._complaints = _hear_complaints()
        resource = Resource.create()
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "sme"}))
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("sme_agent.llm")
        # The provider's own time limits don't hold (measured: 8 s for a force_flush of 5 s), and
        # when the interpreter ends, no thread can be started any more.
        self._over = threading.Event()
        self._closer = threading.Thread(target=self._shut_down, daemon=True)
        self._closer.start()
        self._session = session
        self._whole = self._tracer.start_span(
            "invoke_agent sme", attributes=self._named("invoke_agent", "gen_ai.agent.name", "sme")
        )

    @property
    def problem(self) -> str:
        """Why spans could not be delivered; empty while they are."""
        return self._complaints.last

    def model_call(self, model: Model, prompt: Prompt) -> Span:
        """Begin the span of one request to a model."""
        _, _, name = model.litellm_name.partition("/")
        provider = model.traits.provider.removesuffix("_chat")
        attributes: dict[str, Any] = self._named(
            "chat", "gen_ai.request.model", name or model.litellm_name
        )
        attributes |= {
            "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
            "gen_ai.request.max_tokens": prompt.max_output or model.traits.max_output,
            "gen_ai.request.stream": True,
        }
        if model.options.temperature is not None:
            attributes["gen_ai.request.temperature"] = model.options.temperature
        return self._begun(f"chat {name or model.litellm_name}", "CLIENT", attributes)

    def tool_call(self, name: str, id: str) -> Span:
        """Begin the span of one use of a tool."""
        attributes = self._named("execute_tool", "gen_ai.tool.name", name)
        attributes |= {"gen_ai.tool.call.id": id, "gen_ai.tool.type": "function"}
        return self._begun(f"execute_tool {name}", "INTERNAL", attributes)

    def close(self) -> None:
        """End the session's span and deliver what is left, in `CLOSING_S` at most."""
        self._whole.end()
        self._over.set()
        self._closer.join(CLOSING_S)
        if self._closer.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _shut_down(self) -> None:
        self._over.wait()
        self._provider.shutdown()

    def _named(self, operation: str, name: str, value: str) -> dict[str, Any]:
        attributes = {"gen_ai.operation.name": operation, name: value}
        return attributes | ({"gen_ai.conversation.id": self._session} if self._session else {})

    def _begun(self, name: str, kind: str, attributes: Mapping[str, Any]) -> Span:
        from opentelemetry.trace import SpanKind, set_span_in_context

        # The parent is named, and none made current: calls run in threads and in generators,
        # which would leave theirs behind.
        context = set_span_in_context(self._whole)
        span = self._tracer.start_span(
            name, context=context, kind=SpanKind[kind], attributes=attributes
        )
        return Span(span)


def prompt_content(prompt: Prompt) -> list[tuple[str, str]]:
    """Attributes with what a model is told."""
    return [
        ("gen_ai.system_instructions", as_json([{"type": "text", "content": prompt.system}])),
        ("gen_ai.input.messages", as_json([_as_parts(message) for message in prompt.messages])),
        ("gen_ai.tool.definitions", as_json([tool.model_dump() for tool in prompt.tools])),
    ]


def answer_content(answer: Answered) -> dict[str, str]:
    """Attributes with what a model answered."""
    ended = _ENDED.get(answer.ended, answer.ended)
    message = _as_parts(answer.message) | {"finish_reason": ended}
    return {"gen_ai.output.messages": as_json([message])}


def as_json(value: object) -> str:
    """Structured content as the text that attributes hold."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _as_parts(message: Message) -> dict[str, Any]:
    """A message in the form of the conventions' JSON schemas."""
    if isinstance(message, ToolMessage):
        part = {"type": "tool_call_response", "id": message.call, "response": message.text}
        return {"role": "tool", "parts": [part]}
    parts: list[dict[str, Any]] = []
    if isinstance(message, AssistantMessage) and message.reasoning:
        parts.append({"type": "reasoning", "content": message.reasoning})
    if message.text:
        parts.append({"type": "text", "content": message.text})
    if isinstance(message, AssistantMessage):
        parts += [
            {"type": "tool_call", "id": c.id, "name": c.name, "arguments": c.arguments}
            for c in message.calls
        ]
    return {"role": message.role, "parts": parts}


def _hear_complaints() -> _Complaints:
    """Have the exporter complain to us: its warnings would be written into the conversation."""
    import logging

    complaints = _Complaints()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.heard(record)

    logger = logging.getLogger("opentelemetry")
    logger.addHandler(Handler(logging.WARNING))
    logger.propagate = False
    return complaints


class _Complaints:
    """The last thing that the exporter complained of."""

    last = ""

    def heard(self, record: logging.LogRecord) -> None:
        self.last = f"spans are not delivered: {record.getMessage()}"[:300]

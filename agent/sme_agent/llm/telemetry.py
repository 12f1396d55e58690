"""What is recorded of model and tool calls: structured logs and OpenTelemetry spans.

Off unless `[telemetry]` says otherwise; then nothing is imported, opened or sent. What was said is
recorded only with `content`: otherwise how long it was, how long it took, what it cost and the
class of its error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from sme_agent.llm.messages import AssistantMessage, Message, ToolMessage, Usage
from sme_agent.llm.spans import Span, Tracing, answer_content, prompt_content
from sme_tools.errors import SmeError

if TYPE_CHECKING:
    from sme_agent.llm.events import Answered
    from sme_agent.llm.journal import Journal
    from sme_agent.llm.model import Model, Prompt
    from sme_tools.model_settings import Telemetry


class Recorded:
    """One call while it lasts: what is noted here becomes its log line and its span."""

    def __init__(self, fields: dict[str, Any], span: Span | None, content: _Content) -> None:
        self._fields = fields
        self._span = span
        self._content = content

    def answered(self, answer: Answered) -> None:
        """The model has answered."""
        self.used(answer.usage)
        self.note(ended=answer.ended, first_token_s=round(answer.first_token_s, 3))
        if self._content.kept:
            self.note(answer=self._content.of(answer.message.text))
        if self._span:
            self._span.answered(answer)
            if self._content.kept:
                self._span.content(answer_content(answer), self._content.of)

    def used(self, usage: Usage) -> None:
        """What the call took, also where it failed."""
        self.note(**usage.model_dump(exclude={"estimated"}))
        if self._span:
            self._span.used(usage)

    def brought(self, text: str, *, failed: bool = False) -> None:
        """The tool has brought this text."""
        self.note(result_characters=len(text), failed=failed)
        if self._content.kept:
            self.note(result=self._content.of(text))
            if self._span:
                self._span.content({"gen_ai.tool.call.result": text}, self._content.of)

    def note(self, **fields: object) -> None:
        """Add fields to the log line: numbers and names, no content."""
        self._fields.update(fields)


class _Content:
    """Whether what was said is recorded, and in what form."""

    def __init__(self, kept: bool, hide: Callable[[str], str]) -> None:
        self.kept = kept
        self.of = hide


class Recorder:
    """Records each model and tool call as the settings say. Safe to use from several threads."""

    def __init__(
        self, telemetry: Telemetry, *, session: str = "", hide: Callable[[str], str] = str
    ) -> None:
        """`session` joins what belongs together. `hide` takes names and addresses out of recorded
        content, where the model does not see them either.

        Raises:
            StateError: the log file can't be opened.
            SettingsInvalid: traces are wanted, and the packages for them are not installed.
        """
        self._content = _Content(telemetry.content, hide)
        self._log: Journal | None = None
        if telemetry.log != "off":
            from sme_agent.llm.journal import Journal

            self._log = Journal(telemetry.log, session=session)
        self._tracing = Tracing(session) if telemetry.traces else None
        self._closing = threading.Lock()

    @property
    def problem(self) -> str:
        """Why something could not be recorded; empty while everything is."""
        log = self._log.problem if self._log else ""
        return log or (self._tracing.problem if self._tracing else "")

    @contextmanager
    def model_call(self, model: Model, prompt: Prompt) -> Iterator[Recorded]:
        """One request to a model, from its sending to the last piece of its answer."""
        fields = {
            "model": model.name,
            "provider": model.traits.provider,
            "messages": len(prompt.messages),
            "tools": len(prompt.tools),
        }
        span = self._tracing.model_call(model, prompt) if self._tracing else None
        if self._content.kept:
            content = prompt_content(prompt)
            fields |= {name.split(".", 1)[1]: self._content.of(text) for name, text in content}
            if span:
                span.content(dict(content), self._content.of)
        with self._recording("model_call", fields, span) as call:
            yield call

    @contextmanager
    def tool_call(
        self, name: str, *, id: str, arguments: Mapping[str, Any], host: str = ""
    ) -> Iterator[Recorded]:
        """One use of a tool that a model called."""
        fields = {"tool": name, "call": id, "arguments": len(arguments)} | (
            {"host": self._content.of(host)} if host else {}
        )
        span = self._tracing.tool_call(name, id) if self._tracing else None
        if self._content.kept:
            from sme_agent.llm.spans import as_json

            text = as_json(dict(arguments))
            fields["arguments"] = self._content.of(text)
            if span:
                span.content({"gen_ai.tool.call.arguments": text}, self._content.of)
        with self._recording("tool_call", fields, span) as call:
            yield call

    @contextmanager
    def _recording(
        self, event: str, fields: dict[str, Any], span: Span | None
    ) -> Iterator[Recorded]:
        call = Recorded(fields, span, self._content)
        begun = time.monotonic()
        try:
            yield call
        except BaseException as error:
            # The text of an error may quote what was said; its class never does.
            fields["error"] = type(error).__name__
            if self._content.kept and isinstance(error, SmeError):
                fields["message"] = self._content.of(error.message)
            if span:
                span.failed(type(error).__name__)
            raise
        finally:
            fields["duration_s"] = round(time.monotonic() - begun, 3)
            if span:
                span.end()
            if self._log:
                self._log.write(event, fields)

    def close(self) -> None:
        """Write and send what is left; a collector that does not answer is waited for 5 s."""
        with self._closing:
            if self._tracing:
                self._tracing.close()
            if self._log:
                self._log.close()


class ToolWatch:
    """Records the tool calls of a conversation, from the answer that has the call to its result.

    What takes long may lie between them: hosts that are looked at, a person who is asked.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._open: dict[str, tuple[AbstractContextManager[Recorded], Recorded]] = {}

    def hear(self, message: Message) -> None:
        """Hear what is added; the result of a call that was not heard counts for nothing."""
        if isinstance(message, AssistantMessage):
            for call in message.calls:
                begun = self._recorder.tool_call(call.name, id=call.id, arguments=call.arguments)
                self._open[call.id] = begun, begun.__enter__()
        elif isinstance(message, ToolMessage) and message.call in self._open:
            recording, call_ = self._open.pop(message.call)
            call_.brought(message.text, failed=message.failed)
            recording.__exit__(None, None, None)

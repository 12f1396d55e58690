"""Every failure of a model, played by a real server, and what the gateway made of it.

python tests/model_failures.py        prints the table for docs/models.md
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sme_agent.llm.chain import chain
from sme_agent.llm.events import Answered, LlmEvent, ModelFailed, Noted, Text, Waiting, Withdrawn
from sme_agent.llm.gateway import Gateway
from sme_agent.llm.messages import Tool, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.telemetry import Recorder
from sme_agent.llm.waiting import SystemClock
from sme_memory.model_ledger import ModelLedger
from sme_tools.errors import BudgetSpent, SmeError
from sme_tools.model_settings import Allowance, Budget, Telemetry
from sme_tools.settings import Settings

LOOK = Tool(
    name="look",
    description="Looks.",
    parameters={
        "type": "object",
        "properties": {"at": {"type": "string"}},
        "required": ["at"],
    },
)
FINE = {"says": "The disk is full."}
LOOP = "<｜DSML｜function_calls>" + '<｜DSML｜invoke name="look">' * 8


@dataclass(frozen=True)
class Failure:
    """One row: what goes wrong, and with whom it is shown."""

    what: str
    answers: Sequence[dict[str, Any]] = ()
    """Of the first model, in order."""
    model: str = "openai/first"
    options: dict[str, Any] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    nowhere: bool = False
    """Whether nobody listens at the first model's address."""


def error(name: str, **more: Any) -> dict[str, Any]:
    return {"error": {"named": name, **more}}


FAILURES = (
    Failure("wrong key", [error("wrong-key")]),
    Failure("key not where the settings say", options={"api_key": "env:NO_SUCH_KEY"}),
    Failure("no permission for the model", [error("no-permission")]),
    Failure("unknown model (DeepSeek says 400)", [error("deepseek/unknown-model")]),
    Failure("rate limit, with Retry-After", [error("rate-limit"), FINE]),
    Failure(
        "rate limit that asks for more than `model_wait_s`",
        [error("rate-limit", headers={"retry-after": "3600"})],
    ),
    Failure("balance spent (402)", [error("deepseek/quota-402")]),
    Failure("quota spent (429)", [error("quota-429")]),
    Failure(
        "prompt longer than the window; the provider says how much fits",
        [error("vllm/context-too-long"), FINE],
    ),
    Failure(
        "prompt longer than the window; it does not say",
        [error("groq/context-too-long"), FINE],
    ),
    Failure("overloaded (Anthropic's 529)", [error("anthropic/overloaded-529"), FINE]),
    Failure(
        "overloaded, for as long as is asked", [error("overloaded-503") | {"times": "forever"}]
    ),
    Failure(
        "no answer within `read_timeout_s`",
        [{"breaks": "hang"}, {"breaks": "hang"}],
        options={"read_timeout_s": 0.5},
    ),
    Failure("nobody at the address", nowhere=True),
    Failure(
        "connection lost in mid-answer",
        [
            {"says": "The disk is " + "very " * 40, "chunks": "words", "breaks": {"after": 900}},
            FINE,
        ],
    ),
    Failure(
        "error within a stream of status 200 (OpenRouter)",
        [{"says": "The", "breaks": {"in_stream_error": "openrouter/overloaded-503"}}, FINE],
    ),
    Failure("content refused", [error("content-refused")]),
    Failure("calls that open and never close (DSML)", [{"raw": LOOP}, FINE]),
    Failure("the same, each time", [{"raw": LOOP, "times": "forever"}]),
    Failure("empty answer", [{"says": ""}, FINE]),
    Failure(
        "server can't read its model's call (Groq's 400), we can",
        [error("tool-use-failed", body=None) | {}],
        model="groq/first",
    ),
    Failure(
        "nor can we",
        [
            {
                "error": {
                    "status": 400,
                    "body": {
                        "error": {
                            "message": "Failed to call a function.",
                            "type": "invalid_request_error",
                            "code": "tool_use_failed",
                            "failed_generation": 'look at="/" please',
                        }
                    },
                }
            }
        ],
        model="groq/first",
    ),
    Failure(
        "parameter not supported",
        [error("unsupported-parameter"), FINE],
        options={"temperature": 0.2},
    ),
    Failure("tools not supported (Ollama)", [error("ollama/no-tools"), FINE]),
    Failure(
        "strict schemas not supported",
        [error("no-strict-schemas"), FINE],
        options={"strict_tools": True},
    ),
    Failure(
        "answer cut at its length",
        [{"says": "The disk is", "ends": "length"}, {"says": "disk is full."}],
    ),
    Failure(
        "tool call cut at its length",
        [
            {"calls": [{"name": "look", "arguments": '{"at": "/va'}], "ends": "length"},
            {"calls": [{"name": "look", "arguments": {"at": "/var"}}]},
        ],
    ),
    Failure("length used up by thinking", [{"thinks": "Hm.", "ends": "length"}, FINE]),
    Failure("budget spent", budget=Budget(session=Allowance(tokens=10))),
)


class Hurried(SystemClock):
    """Waits no time at all, and leaves nothing to chance."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def wait(self, seconds: float, cancelled: threading.Event) -> bool:
        self.waited.append(seconds)
        return cancelled.is_set()

    def chance(self) -> float:
        return 0.5


@dataclass
class Outcome:
    """What came of a failure."""

    events: list[LlmEvent]
    raised: SmeError | None
    requests: list[dict[str, Any]]
    """The bodies that the first model got."""
    classes: list[str]
    """Of the errors of its attempts."""
    waited: list[float]

    @property
    def answer(self) -> Answered | None:
        return next((event for event in self.events if isinstance(event, Answered)), None)


def compose(model: Model) -> Prompt:
    """As much of a long log as the window holds."""
    log = "disk full\n" * (model.traits.window // 8)
    return Prompt("You look after machines.", [UserMessage(text=log)], tools=[LOOK])


def play(failure: Failure, folder: Path) -> Outcome:
    """Ask the chain of two models, the first of which fails."""
    from models import scripted

    first = failure.model.partition("/")[2]
    exchanges = [{"when": {"model": first}, **answer} for answer in failure.answers]
    second = {"when": {"model": "second"}, "says": "I am the second.", "times": "forever"}
    with scripted([*exchanges, second]) as server:
        base = "http://127.0.0.1:9/v1" if failure.nowhere else server.openai_base
        options = {"api_base": base, "context_tokens": 16_000, **failure.options}
        settings = Settings.model_validate(
            {
                "models": [failure.model, "openai/second", "rules"],
                "model": {
                    failure.model: options,
                    "openai/second": {"api_base": server.openai_base},
                },
            }
        )
        clock, log = Hurried(), folder / "calls.jsonl"
        recorder = Recorder(Telemetry(log=str(log)))
        gateway = Gateway(
            chain(settings),
            ledger=ModelLedger(folder / "models.db"),
            budget=failure.budget,
            session="s1",
            wait_budget_s=60,
            then="rules",
            recorder=recorder,
            clock=clock,
        )
        events: list[LlmEvent] = []
        raised: SmeError | None = None
        try:
            for event in gateway.answer(compose, cancelled=threading.Event()):
                events.append(event)
        except SmeError as error:
            raised = error
        recorder.close()
        asked = [r.body for r in server.requests if r.method == "POST"]
    classes = re.findall(r'"model": "([^"]*)".*?"error": "(\w+)"', log.read_text())
    return Outcome(
        events,
        raised,
        [body for body in asked if body["model"] == first],
        [name for model, name in classes if model == failure.model],
        clock.waited,
    )


def row(failure: Failure, outcome: Outcome) -> str:
    """The row of the table in docs/models.md."""
    kind = outcome.classes[0] if outcome.classes else type(outcome.raised).__name__
    kind = "" if kind == "NoneType" else f"`{kind}`"
    cells = (failure.what, kind, done(outcome), shown(outcome))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def done(outcome: Outcome) -> str:
    """What was done, as it was seen."""
    again = len(outcome.requests) - 1
    parts = []
    if outcome.waited:
        each = [f"{seconds:g}" for seconds in outcome.waited]
        most = ", ".join(each[:4]) + (" … s" if len(each) > 4 else " s")
        parts.append(f"asked again {times(len(each))}, after {most}")
    elif again > 0:
        parts.append(f"asked again {times(again)}, at once")
    answer = outcome.answer
    if isinstance(outcome.raised, BudgetSpent):
        parts.append("nothing is asked")
    elif answer is None:
        parts.append("given up")
    elif answer.model.endswith("second"):
        parts.append("next model")
    elif answer.message.calls:
        call = answer.message.calls[0]
        read = "the call is used" if call.unreadable is None else "the model is shown its call"
        parts.append(read)
    else:
        parts.append("answered")
    return "; ".join(parts)


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def shown(outcome: Outcome) -> str:
    """What the person is told."""
    lines: list[str] = []
    if any(isinstance(event, Withdrawn) for event in outcome.events) and any(
        isinstance(event, Text) for event in before_withdrawal(outcome.events)
    ):
        lines.append("(what it had said is taken back)")
    for event in outcome.events:
        if isinstance(event, Waiting):
            lines.append(f"waiting: {event.reason}")
        elif isinstance(event, Noted):
            lines.append(event.text)
        elif isinstance(event, ModelFailed):
            lines.append(f"{event.reason}. {event.remedy}")
    if outcome.raised is not None:
        lines.append(f"{outcome.raised}. {outcome.raised.remedy}")
    told = "<br>".join(dict.fromkeys(lines)) or "nothing but the answer"
    told = re.sub(r"the next prompt takes [\d,]+", "the next prompt takes 5,000", told)
    return re.sub(r"\[Errno \d+\] ", "", told)  # every system has numbers of its own


def before_withdrawal(events: list[LlmEvent]) -> list[LlmEvent]:
    at = next(n for n, event in enumerate(events) if isinstance(event, Withdrawn))
    return events[:at]


def table() -> str:
    """The table."""
    lines = [
        "| what goes wrong | class | what is done | what you are told |",
        "| --- | --- | --- | --- |",
    ]
    for failure in FAILURES:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(row(failure, play(failure, Path(folder))))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")

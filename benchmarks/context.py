"""Context: the tokens of each part of a prompt, in a typical incident, for several windows.

The incident is a recorded host with a full disk; the model has taken ten looks at it, each with the
output of a probe, and the person has asked twice. Tokens are those of cl100k_base.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import print_table
from sme_agent.case import Case
from sme_agent.llm.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from sme_agent.llm.model import Model, Traits
from sme_agent.model import toolbox
from sme_agent.model.context import Context, answer_room, result_chars
from sme_agent.model.conversation import Conversation
from sme_agent.model.presenting import Presenter
from sme_memory.conversations import ConversationStore
from sme_prompts.load import Prompts
from sme_tools.model_settings import ModelOptions

WINDOWS = (8192, 16_384, 32_768, 131_072, 200_000)
LOOKS = 10
SCENARIO = "full-disk-failed-unit"
QUESTION = "Grafana is down since this night, and apt complains. What is going on?"


def main() -> None:
    """Print the tokens of each part, and how long it takes to compose them."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from model_cases import case_of, colleague_in, exact_tokens

    count = exact_tokens()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = case_of(SCENARIO, colleague_in(folder), folder)
        for window in WINDOWS:
            talk = Conversation(ConversationStore(folder / f"{window}.db"), case.incident.id, "1")
            _converse(talk, case, window)
            rows.append(_row(talk, case, window, count))
    parts = ("window", "system", "tools", "case", "past", "turns", "board", "answer", "free", "ms")
    print(f"{LOOKS} looks, two questions; {SCENARIO}")
    print_table(parts, rows)
    fixed = rows[0][1] + rows[0][2]
    print(f"system prompt and tools together: {fixed} tokens (promised: at most 3000)")


def _converse(talk: Conversation, case: Case, window: int) -> None:
    present = Presenter(Prompts(), talk.fence)
    talk.add(UserMessage(text=QUESTION))
    outputs = [item for item in case.evidence.values() if len(item.stdout) > 400]
    for number, item in enumerate(itertools.islice(itertools.cycle(outputs), LOOKS)):
        arguments = {"host": item.host, "command": item.command[:120], "why": "to tell them apart"}
        call = ToolCall(id=f"c{number}", name="run", arguments=arguments)
        said = AssistantMessage(text="I look at what stands behind that.", calls=(call,))
        shown = present.evidence([item], result_chars(window))
        talk.add(said, ToolMessage(call=call.id, name="run", text=shown, evidence=(item.id,)))
    talk.add(AssistantMessage(text="The root filesystem is full; Docker's folder holds it."))
    talk.add(UserMessage(text="What may I delete?"))


def _row(talk: Conversation, case: Case, window: int, count: Callable[[str], int]) -> list[int]:
    traits = Traits("openai", window, 8192, "native", False, False, None, None, "benchmark")
    model = Model("openai/any", ModelOptions(), traits)
    tools = toolbox.tools(Prompts(), may_fix=True)
    context = Context(case, talk, Presenter(Prompts(), talk.fence), tools, may_fix=True)
    began = time.perf_counter()
    prompt = context.compose(model)
    took = time.perf_counter() - began
    brief, *others = prompt.messages
    past = others.pop(0) if others[0].text.startswith("What was said and done") else None
    theories = [one for one in case.incident.hypotheses if one.status == "open"]
    board = context.present.text("board", board=theories) if theories else ""
    told = [
        count(prompt.system),
        sum(count(f"{tool.name} {tool.description} {tool.parameters}") for tool in prompt.tools),
        count(brief.text),
        count(past.text) if past else 0,
        sum(count(_text(message)) for message in others) - count(board),
        count(board),
        answer_room(model),
    ]
    return [window, *told, window - sum(told), round(1000 * took)]


def _text(message: Message) -> str:
    calls = message.calls if isinstance(message, AssistantMessage) else ()
    return message.text + "".join(f"{call.name} {call.arguments}" for call in calls)

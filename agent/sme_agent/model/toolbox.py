"""The tools by name: their arguments checked, then used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from sme_agent.llm.messages import Tool, ToolCall
from sme_agent.model import (
    board_tools,
    evidence_tools,
    fix_tool,
    host_tools,
    knowledge_tools,
)
from sme_agent.model.arguments import ARGUMENTS
from sme_agent.model.bench import Bench, Outcome, Refusal
from sme_prompts.load import Prompts

LESSON = "save_lesson"
"""Offered only when an incident is over."""
CONCLUDE = "conclude"
FIX_TOOLS = ("propose_fix", "ask_user")
"""Offered only where a person is there."""
NEED_A_HOST = ("look", "run", "read_file", "read_logs", "propose_fix")
"""Where there is but one host, it need not be named."""

_USES: dict[str, Callable[[Any, Bench], Outcome]] = {
    "look": host_tools.look,
    "run": host_tools.run,
    "read_file": host_tools.read_file,
    "read_logs": host_tools.read_logs,
    "evidence": evidence_tools.evidence,
    "analyse_series": evidence_tools.analyse_series,
    "known_issues": knowledge_tools.known_issues,
    "past_incidents": knowledge_tools.past_incidents,
    "hypothesis": board_tools.hypothesis,
    "ask_user": board_tools.ask_user,
    "propose_fix": fix_tool.propose_fix,
    "conclude": board_tools.conclude,
}


def tools(prompts: Prompts, *, may_fix: bool) -> list[Tool]:
    """The tools of an investigation, as the model is told of them. Raises PromptInvalid."""
    return _told(prompts, [name for name in _USES if may_fix or name not in FIX_TOOLS])


def lesson_tool(prompts: Prompts) -> Tool:
    """The tool by which a lesson is kept. Raises PromptInvalid."""
    return _told(prompts, [LESSON])[0]


def use(call: ToolCall, bench: Bench, offered: Sequence[Tool]) -> Outcome:
    """Use a tool as the model asks.

    Raises:
        Refusal: there is no such tool, its arguments are not right, or it can't be used so.
    """
    if call.name not in _USES or call.name not in {tool.name for tool in offered}:
        near = [tool.name for tool in offered]
        raise bench.no_such("tool", call.name, near)
    if call.unreadable is not None:
        raise Refusal(bench.present.text("unreadable_arguments", given=call.unreadable[:400]))
    return _USES[call.name](checked(call, bench), bench)


def checked(call: ToolCall, bench: Bench) -> Any:  # noqa: ANN401 - one of ARGUMENTS
    """The arguments of a call. Raises Refusal."""
    # Models give null, and empty words, for what they leave out.
    given = {name: value for name, value in call.arguments.items() if value not in (None, "")}
    only = list(bench.case.hosts)
    if call.name in NEED_A_HOST and len(only) == 1:
        given.setdefault("host", only[0])
    try:
        return ARGUMENTS[call.name].model_validate(given)
    except ValidationError as error:
        raise Refusal(bench.present.text("bad_arguments", errors=error.errors())) from error


def _told(prompts: Prompts, names: Sequence[str]) -> list[Tool]:
    texts = prompts.tools
    return [
        Tool(name=name, description=texts[name].description, parameters=texts[name].json_schema())
        for name in names
        if name in texts
    ]

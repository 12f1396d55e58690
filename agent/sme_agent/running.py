"""The graph of one incident, run until it ends or a question has to wait."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from sme_agent.checkpoints import checkpoints
from sme_agent.events import Asked, Event
from sme_agent.nodes import Nodes
from sme_agent.questions import Ask, Question, answers_to
from sme_agent.repair import Repairs
from sme_agent.state import InvestigationState
from sme_agent.workspace import Workspace
from sme_tools.errors import UsageError

MOST_STEPS = 10_000
"""Of the graph in one go. A plan takes three a step and host; the search for a cause ends because
no probe runs twice."""


def run(
    workspace: Workspace, path: Path, state: InvestigationState | None, ask: Ask
) -> Iterator[Event]:
    """Run the graph from this state, or from where it stood; ends where nobody answers.

    `path` is that of the checkpoints.

    Raises:
        UsageError: it is to go on, but never took its first step.
    """
    from langgraph.types import Command

    from sme_agent.graph import build_graph

    thread: Any = {**_thread(workspace), "recursion_limit": MOST_STEPS}
    with checkpoints(path) as saver, closing(Repairs(workspace)) as repairs:
        graph = build_graph(Nodes(workspace), repairs, saver)
        if state is None and not graph.get_state(thread).values:
            incident = workspace.case.incident
            words = [*incident.targets, *(["-s", incident.symptom] if incident.symptom else [])]
            raise UsageError(
                f"incident {incident.id} stopped before its first step",
                remedy=f"Begin anew: sme diagnose {shlex.join(words)}",
            )
        next_: Any = state
        while True:
            for event in graph.stream(next_, thread, stream_mode="custom", durability="sync"):
                yield cast(Event, event)
            interrupts = graph.get_state(thread).interrupts
            if not interrupts:
                return
            questions = [Question.read(document) for document in interrupts[0].value]
            answers = answers_to(questions, ask)
            if isinstance(answers, Question):
                yield Asked(answers)
                return
            next_ = Command(resume=answers)


def stands_between_steps(workspace: Workspace, path: Path) -> bool:
    """Whether the graph of this incident was left before its end."""
    from sme_agent.graph import build_graph

    with checkpoints(path) as saver, closing(Repairs(workspace)) as repairs:
        graph = build_graph(Nodes(workspace), repairs, saver)
        return bool(graph.get_state(_thread(workspace)).next)


def _thread(workspace: Workspace) -> Any:  # noqa: ANN401 - langgraph's RunnableConfig
    return {"configurable": {"thread_id": workspace.case.incident.id}}

"""The investigation as a graph: its nodes are the steps of the method, in the method's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sme_agent.nodes import Nodes
from sme_agent.state import InvestigationState

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


def build_graph(
    nodes: Nodes, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[InvestigationState, None, InvestigationState, InvestigationState]:
    """observe → recall → reason ⇄ act → analyze → learn, checkpointed after each step."""
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(InvestigationState)
    graph.add_node("observe", nodes.observe)
    graph.add_node("recall", nodes.recall)
    graph.add_node("reason", nodes.reason)
    graph.add_node("act", nodes.act)
    graph.add_node("analyze", nodes.analyze)
    graph.add_node("learn", nodes.learn)

    graph.add_edge(START, "observe")
    graph.add_edge("observe", "recall")
    graph.add_edge("recall", "reason")
    graph.add_conditional_edges("reason", _next_step, ["act", "analyze"])
    graph.add_edge("act", "reason")
    graph.add_edge("analyze", "learn")
    graph.add_edge("learn", END)
    return graph.compile(checkpointer=checkpointer)


def _next_step(state: InvestigationState) -> str:
    return "act" if state["requests"] else "analyze"

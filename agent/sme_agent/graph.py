"""The investigation as a graph: its nodes are the steps of the method, in the method's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sme_agent.nodes import Nodes
from sme_agent.repair import Repairs
from sme_agent.state import InvestigationState
from sme_agent.untraced import untraced

_ENTRANCES = ["observe", "recall", "reason", "plan", "resume"]

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


def build_graph(
    nodes: Nodes, repairs: Repairs, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[InvestigationState, None, InvestigationState, InvestigationState]:
    """observe → recall → reason ⇄ act → analyze → learn; plan → (approve → fix → verify)* → learn.

    The first finds out, the second mends what was found; in a talk the reasoner leads from one to
    the other and hears what came of it. Commands that reason asks for go through permit; what does
    not hold goes to undo. Checkpointed after each step.
    """
    from langgraph.graph import END, START, StateGraph

    untraced()
    graph = StateGraph(InvestigationState)
    steps = {
        "observe": nodes.observe,
        "recall": nodes.recall,
        "reason": nodes.reason,
        "permit": nodes.permit,
        "act": nodes.act,
        "analyze": nodes.analyze,
        "plan": repairs.plan,
        "resume": repairs.resume,
        "approve": repairs.approve,
        "fix": repairs.fix,
        "verify": repairs.verify,
        "undo": repairs.undo,
        "roll out": repairs.roll_out,
        "learn": nodes.learn,
    }
    for name, step in steps.items():
        # Told the schema, langgraph does not work it out from the annotations: half of the time.
        graph.add_node(name, step, input_schema=InvestigationState)

    graph.add_conditional_edges(START, _entrance, _ENTRANCES)
    graph.add_edge("observe", "recall")
    graph.add_edge("recall", "reason")
    graph.add_conditional_edges("reason", _what_next, ["permit", "act", "plan", "analyze", "learn"])
    graph.add_edge("permit", "act")
    graph.add_edge("act", "reason")
    graph.add_edge("analyze", "learn")
    for node in ("plan", "resume", "approve", "fix", "verify", "undo", "roll out"):
        graph.add_conditional_edges(node, _turn)
    graph.add_edge("learn", END)
    return graph.compile(checkpointer=checkpointer)


def _entrance(state: InvestigationState) -> str:
    if state["goal"] == "fix":
        return "plan"
    if state["goal"] in ("resume", "undo"):
        return "resume"
    if state["look"]:
        return "observe"
    return "reason" if state["round"] else "recall"


def _what_next(state: InvestigationState) -> str:
    if state["fixing"]:
        return "plan"
    if state["requests"]:
        return "permit" if any("command" in request for request in state["requests"]) else "act"
    return "learn" if state["ending"] == "answered" else "analyze"


def _turn(
    state: InvestigationState,
) -> Literal[
    "approve", "fix", "verify", "undo", "roll out", "learn", "observe", "reason", "__end__"
]:
    turn = state["turn"]
    if turn in ("learn", "stop") and state["goal"] == "talk":
        return "observe" if state["look"] else "reason"
    return "__end__" if turn == "stop" else turn

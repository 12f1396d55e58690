"""A model server that plays a plan: a development tool, for tests and demonstrations."""

from sme_agent.llm.scripted.plan import Plan, PlanInvalid, read_plan
from sme_agent.llm.scripted.server import ScriptedServer

__all__ = ["Plan", "PlanInvalid", "ScriptedServer", "read_plan"]

"""Tool calls and reasoning in the text of a model, in whatever dialect, as structured pieces."""

from sme_agent.llm.dialects.pieces import Begun, Call, Fault, Piece, Recast, Said, Thought
from sme_agent.llm.dialects.reader import DialectReader, read_all
from sme_agent.llm.dialects.repair import repair_arguments

__all__ = [
    "Begun",
    "Call",
    "DialectReader",
    "Fault",
    "Piece",
    "Recast",
    "Said",
    "Thought",
    "read_all",
    "repair_arguments",
]

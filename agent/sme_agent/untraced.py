"""langgraph, kept from telling LangSmith what is investigated.

langchain-core, on which langgraph rests, sends every step and its state to api.smith.langchain.com
where variables such as LANGSMITH_TRACING are set, which whoever develops with it has in his shell.
What is found on a host is none of LangSmith's business; our own traces are a setting of their own.
"""

from __future__ import annotations

import os

_REFUSED = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")
"""Where one of these is set and LangSmith is off, langchain-core 1.7 ends with a RuntimeError."""


def untraced() -> None:
    """Switch LangSmith off for this process, whatever its environment says."""
    import langsmith

    for name in _REFUSED:
        os.environ.pop(name, None)
    langsmith.configure(enabled=False)

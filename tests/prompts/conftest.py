"""The rooms' prompts are rendered with what the agent's tests work on."""

from agent.conftest import colleague, guard

__all__ = ["colleague", "guard"]

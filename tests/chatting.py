"""What tests of the conversation share: a scripted model in the settings, what is on a screen."""

from __future__ import annotations

import re

from sme_agent.llm.scripted import ScriptedServer
from typed_commands import eventually

MODEL = "openai/scripted"
PROMPT = "›"


def use_model(home, server: ScriptedServer, window: int = 32_000) -> None:
    """Have the user's settings name the scripted model, and then the rules."""
    folder = home / ".config/sme"
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "key"
    key.write_text("none\n")
    key.chmod(0o600)
    (folder / "config.toml").write_text(
        f'models = ["{MODEL}", "rules"]\n\n[model."{MODEL}"]\n'
        f'api_base = "{server.openai_base}"\napi_key = "file:{key}"\n'
        f"context_tokens = {window}\ninput_cost = 3\noutput_cost = 15\n"
    )


def is_ready(at, prompts=1):
    """Whether the prompt is there so often, the last time with nothing on it."""
    lines = [line.rstrip() for line in at.screen().splitlines() if line.startswith(PROMPT)]
    return len(lines) >= prompts and lines[-1] == PROMPT


def begin(at, command):
    """Begin a conversation; gives the screen with its first prompt, once it is open."""
    at.start(command)
    eventually(lambda: is_ready(at) and re.search(r"^ .* · (rules|openai)", at.screen(), re.M))
    return at.screen()


def say(at, text, prompts=2):
    """Send a message; gives the screen once it is answered and the prompt is back."""
    at.type(text)
    at.press("Enter")
    eventually(lambda: is_ready(at, prompts), 60)
    return at.screen()


def answers(screen):
    """What stands between the last two prompts, without empty lines at its ends."""
    parts = re.split(rf"^{PROMPT}.*$", screen, flags=re.M)
    return parts[-2].strip("\n")


def last_said(server: ScriptedServer) -> str:
    """The newest message that the model was told."""
    asked = [request.body for request in server.requests if request.body]
    return str(asked[-1]["messages"][-1]["content"])

"""Ways to ask the same scripted model: a bare HTTP client, litellm, the gateway and a whole talk.

Each way is an iterator of the pieces of one answer's text, made by a function that is called for
every question; what it needs is open by then. As a program it asks once, in a new process, and
prints the moment of the first piece by the clock of the machine:

    python -m benchmarks._ways WAY ADDRESS
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

Way = Callable[[], Iterator[str]]
QUESTION = "Why is the disk full?"
CONFIG = """\
models = ["play", "rules"]

[model.play]
model = "openai/scripted"
api_base = "{base}/v1"
api_key = "env:SME_BENCH_KEY"
"""


@contextmanager
def user(base: str) -> Iterator[Path]:
    """A user of `sme` whose model is at this address; their home folder."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "SME_CONFIG_DIR", "SME_STATE_DIR"):
            os.environ.pop(variable, None)
        os.environ |= {"HOME": folder, "SME_BENCH_KEY": "none"}
        config = home / ".config/sme"
        config.mkdir(parents=True)
        (config / "config.toml").write_text(CONFIG.format(base=base))
        yield home


def bare(base: str, open_: ExitStack) -> Way:
    """httpx alone, with one connection that is kept."""
    import httpx

    client = open_.enter_context(httpx.Client(trust_env=False))

    def ask() -> Iterator[str]:
        with client.stream("POST", f"{base}/v1/chat/completions", json=_body()) as response:
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    yield from _said(json.loads(line.removeprefix("data: ")))

    return ask


def _body() -> dict[str, object]:
    messages = [{"role": "user", "content": QUESTION}]
    return {"model": "scripted", "messages": messages, "stream": True}


def _said(chunk: dict[str, list[dict[str, dict[str, str]]]]) -> Iterator[str]:
    for choice in chunk["choices"]:
        if text := choice["delta"].get("content"):
            yield text


def litellm(base: str, open_: ExitStack) -> Way:
    """litellm alone, over our connection: it is the only one that it has in our process."""
    from sme_agent.llm.litellm_start import start

    completion = start().completion

    def ask() -> Iterator[str]:
        import httpx

        from sme_agent.llm.line import Exchange

        body = _body() | {"model": "openai/scripted"}
        with Exchange(httpx.Timeout(30)):
            for chunk in completion(**body, api_base=f"{base}/v1", api_key="none"):
                if text := chunk.choices[0].delta.content:
                    yield text

    return ask


def gateway(base: str, open_: ExitStack) -> Way:
    """`Gateway.answer`, with a ledger on disk."""
    from sme_agent.llm.events import Text
    from sme_agent.llm.messages import UserMessage
    from sme_agent.llm.model import Model, Prompt
    from sme_cli import session
    from sme_cli.reasoning import gateway as gateway_of

    home = open_.enter_context(user(base))
    ours = gateway_of(session.settings(), home, "session")

    def compose(model: Model) -> Prompt:
        return Prompt("", [UserMessage(text=QUESTION)])

    def ask() -> Iterator[str]:
        for event in ours.answer(compose, cancelled=threading.Event()):
            if isinstance(event, Text):
                yield event.text

    return ask


def talk(base: str, open_: ExitStack) -> Way:
    """`Talk.say`, as a chat does it: tools and a case in the prompt, every step on disk."""
    from sme_agent.llm.events import Text
    from sme_agent.talk import Talk
    from sme_cli import session
    from sme_memory.incident import Incident

    open_.enter_context(user(base))
    colleague = session.colleague(guard=session.guard())
    ours = open_.enter_context(Talk(colleague, Incident.begin([]), []))

    def ask() -> Iterator[str]:
        for event in ours.say(QUESTION):
            if isinstance(event, Text):
                yield event.text

    return ask


WAYS = {"httpx": bare, "litellm": litellm, "Gateway.answer": gateway, "Talk.say": talk}


@contextmanager
def opened(name: str, base: str) -> Iterator[Way]:
    """A way by its name, ready to be asked."""
    with ExitStack() as open_:
        yield WAYS[name](base, open_)


def main(name: str, base: str) -> None:
    """Ask once; print the moment of the first piece."""
    with opened(name, base) as way:
        answer = way()
        next(answer)
        moment = time.monotonic()
        for _ in answer:
            pass
    print(moment)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""litellm reaches nobody but the model's server, and says nothing of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import scripted
from traps import TRAPS

PROGRAM = """
import socket, sys, threading
connect, resolve = socket.socket.connect, socket.getaddrinfo
reached = []

def guarded(self, address):
    if self.family == socket.AF_UNIX or str(address[0]) in ("127.0.0.1", "::1"):
        if address[1] != int(sys.argv[2]):
            reached.append(address)
        return connect(self, address)
    reached.append(address)
    raise OSError("the network is cut")

def lookup(host, *more, **named):
    if host not in ("127.0.0.1", "localhost", "::1", None):
        reached.append(host)
        raise socket.gaierror("the network is cut")
    return resolve(host, *more, **named)

socket.socket.connect, socket.getaddrinfo = guarded, lookup

from sme_agent.llm.attempt import attempt
from sme_agent.llm.litellm_start import start, warm_up
from sme_agent.llm.messages import UserMessage
from sme_agent.llm.model import Prompt
from sme_agent.llm.traits import model_of
from sme_tools.model_settings import ModelOptions

warm_up().join()
for name in sys.argv[3:]:
    base = sys.argv[1] + ("/v1" if name.startswith("openai") else "")
    model = model_of(name, ModelOptions(api_base=base))
    prompt = Prompt(system="", messages=[UserMessage(text="Why?")])
    events = list(attempt(model, prompt, cancelled=threading.Event()))
    assert events[-1].message.text == "Full.", events
for thread in threading.enumerate():
    if thread is not threading.current_thread() and not thread.daemon:
        thread.join(30)
litellm = start()
assert not (litellm.callbacks or litellm.success_callback or litellm.failure_callback)
assert not (litellm.drop_params or litellm.modify_params)
assert not reached, reached
"""
NAMES = (
    "openai/m", "anthropic/claude-sonnet-4-5", "ollama_chat/m", "ollama_chat/command-r",
    "openai/llama-2-70b",
)  # fmt: skip


def run(tmp_path: Path, address: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / ".env").write_text("OPENAI_API_BASE=http://192.0.2.1/\nOPENAI_API_KEY=stolen\n")
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    port = address.rpartition(":")[2]
    return subprocess.run(
        [*prefix, sys.executable, "-c", PROGRAM, address, port, *NAMES],
        cwd=tmp_path,
        env={**environment, **TRAPS, "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_nothing_is_reached_but_the_server_and_nothing_is_said(tmp_path):
    with scripted([{"says": "Full.", "times": len(NAMES)}]) as server:
        ran = run(tmp_path, server.base)
        asked = [request.path for request in server.requests]
        keys = [
            value for r in server.requests for k, value in r.headers.items() if "auth" in k.lower()
        ]
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert len(asked) == len(NAMES)
    assert "stolen" not in str(keys)


def test_it_starts_where_there_is_no_network_at_all(tmp_path):
    """In a namespace without even loopback, the import ends and takes no longer than elsewhere."""
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here")
    code = "from sme_agent.llm.litellm_start import start; start()"
    ran = subprocess.run(
        [*alone, sys.executable, "-c", code], env={**os.environ, **TRAPS}, cwd=tmp_path,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_thread_that_asks_no_model_reaches_nobody():
    import httpx

    from sme_agent.llm.line import transport

    with (
        httpx.Client(transport=transport()) as client,
        pytest.raises(httpx.ConnectError, match="no model is being asked"),
    ):
        client.get("https://example.org/")


def test_nobody_has_to_wait_for_the_import():
    code = (
        "import sys, threading; from sme_agent.llm.litellm_start import await_start;"
        "from sme_tools.errors import Interrupted; cancelled = threading.Event(); cancelled.set()\n"
        "try: await_start(cancelled)\n"
        "except Interrupted: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=100).returncode == 7

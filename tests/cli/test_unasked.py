"""Nothing of ours reaches the network unasked, in a shell where all is set up for it to do so."""

import sys

import pytest

from cut_off import cut_off
from traps import TRAPS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs network namespaces")
PORT = 8123
PLAN = """
exchanges:
  - when: {has_tool_result: look}
    says: "Nothing is full."
    times: forever
  - when: {offers_tool: look}
    thinks: "Is a disk full?"
    calls: [{name: look, arguments: {host: localhost, probes: [storage.filesystems], why: see}}]
    times: forever
default: {says: "Yes."}
"""
CONFIG = """
models = ["play", "rules"]

[model.play]
model = "openai/scripted"
api_base = "http://127.0.0.1:PORT/v1"
api_key = "env:A_KEY"
"""
NEVER_ASKS = {
    "help": ["--help"],
    "diagnose": ["diagnose", "localhost", "--rules", "-s", "the disk is full"],
    "search": ["issues", "search", "no space left on device"],
    "models": ["model", "list"],
    "config": ["config", "show"],
    "doctor": ["doctor"],
}
ASKS = {
    "ask": ["ask", "is a disk full?", "--on", "localhost"],
    "chat": ["chat", "localhost"],
    "test": ["model", "test"],
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network that ends at this machine, with a model's server in it."""
    folder = tmp_path_factory.mktemp("cut")
    plan = folder / "plan.yaml"
    plan.write_text(PLAN)
    with cut_off(folder) as found:
        if found is None:
            pytest.skip("no network namespaces here")
        server = found.start(
            sys.executable, "-m", "sme_agent.llm.scripted", str(plan), "--port", str(PORT)
        )
        with server:
            assert server.stdout.readline() == f"http://127.0.0.1:{PORT}\n"
            yield found
            server.terminate()


@pytest.fixture
def settings(own_folders):
    """A user with a model."""
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG.replace("PORT", str(PORT)))
    return TRAPS | {"A_KEY": "none", "HF_HOME": str(own_folders / "hf")}


def elsewhere(ran):
    """What was reached for that is not the model's server."""
    known = (f"127.0.0.1:{PORT}", f'sin_port=htons({PORT}), sin_addr=inet_addr("127.0.0.1")')
    return [line for line in [*ran.reached, *ran.calls] if not any(one in line for one in known)]


def test_a_reach_is_noticed(network):
    code = "import socket; socket.socket(2, 2).connect(('192.0.2.1', 53))"
    ran = network.python("-c", code, more={})
    assert ran.reached == ["socket.connect 192.0.2.1:53"]
    assert all("192.0.2.1" in call for call in ran.calls)
    assert "unreachable" in ran.err
    ran = network.python("-c", "import urllib.request as r; r.urlopen('http://a.invalid')", more={})
    assert ran.reached[0] == "socket.getaddrinfo a.invalid:80"


@pytest.mark.parametrize("command", NEVER_ASKS)
def test_what_asks_no_model_reaches_for_nothing(network, settings, command):
    ran = network.python("-m", "sme_cli", *NEVER_ASKS[command], more=settings)
    assert ran.code in (0, 1), ran.err
    assert ran.out
    assert ran.reached == []
    assert ran.calls == []


@pytest.mark.parametrize("command", ASKS)
def test_what_asks_a_model_reaches_for_its_server_alone(network, settings, command):
    given = "is a disk full?\n" if command == "chat" else ""
    ran = network.python("-m", "sme_cli", *ASKS[command], given=given, more=settings)
    assert ran.code in (0, 1), ran.err
    assert f"socket.connect 127.0.0.1:{PORT}" in ran.reached
    assert elsewhere(ran) == []

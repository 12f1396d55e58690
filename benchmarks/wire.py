"""Recorded exchanges with providers, replayed: whether we read and carry back what is in them.

A server on loopback gives each recorded answer to a request of ours that is made from the recorded
one. The recordings are those of SME_BENCH_DATA (wire/), or of a file or folder that is given:
python -m benchmarks.wire PATH.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks._conversations import carried, prompt_of
from benchmarks._recordings import Exchange, Meaning, exchanges, meaning
from benchmarks.table import data_folder, print_table
from sme_agent.llm.attempt import attempt
from sme_agent.llm.events import Answered
from sme_agent.llm.messages import AssistantMessage
from sme_agent.llm.model import Model
from sme_agent.llm.traits import model_of
from sme_tools.errors import ModelError
from sme_tools.model_settings import ModelOptions

KEY_VARIABLE = "SME_BENCH_KEY"
CLASSES = {
    "401": ("ModelKeyInvalid",),
    "402": ("ModelQuotaExhausted",),
    "403": ("ModelForbidden",),
    "404": ("ModelUnknown",),
    "429": ("ModelRateLimited", "ModelQuotaExhausted"),
    "tool_use_failed": ("ToolCallUnreadable",),
    "503": ("ModelOverloaded",),
    "529": ("ModelOverloaded",),
}
"""What an error has to be taken for, where its code alone says it."""


class _Server(ThreadingHTTPServer):
    exchange: Exchange
    asked: dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self.server.asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        exchange = self.server.exchange
        self.send_response(exchange.status)
        self.send_header("content-type", exchange.content_type)
        self.send_header("content-length", str(len(exchange.answer)))
        self.end_headers()
        self.wfile.write(exchange.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def _served() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def main() -> int:
    """Print the tables; the number of exchanges that do not agree."""
    given = Path(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else None
    source = given or data_folder("wire")
    if source is None:
        print("no recordings: name a file or folder, or set SME_BENCH_DATA")
        return 0
    files = [source] if source.is_file() else sorted(source.iterdir())
    rows: list[tuple[object, ...]] = []
    with _served() as server:
        for path in files:
            if path.suffix in (".yaml", ".yml", ".json"):
                for streams in (False, True):
                    rows += _replayed(path, server, streams=streams)
    headers = ("file", "no", "model", "text", "thought", "calls", "ended", "agrees", "carries back")
    print_table(headers, rows)
    wrong = sum(row[7] != "yes" or row[8] not in ("yes", "–") for row in rows)
    print(f"\n{len(rows) - wrong} of {len(rows)} exchanges agree")
    return wrong


def _replayed(path: Path, server: _Server, *, streams: bool) -> Iterator[tuple[object, ...]]:
    """Replay a file as it was recorded; with `streams`, ask for a stream where none was asked for.

    Servers and proxies exist that then answer with one document all the same.
    """
    answers: list[AssistantMessage] = []
    for number, exchange in enumerate(exchanges(path), 1):
        if streams and exchange.asked.get("stream"):
            continue
        server.exchange, server.asked = exchange, {}
        model = _model(exchange, f"http://127.0.0.1:{server.server_address[1]}")
        said, ended = _asked(model, exchange, answers, streams=streams)
        expected = meaning(exchange)
        missing = carried(exchange.asked) - carried(server.asked)
        message = said or AssistantMessage()
        if said is not None:
            answers.append(said)
        which = f"{number} as stream" if streams else str(number)
        yield (
            path.stem[:40], which, model.name[:28], len(message.text), len(message.reasoning),
            len(message.calls), ended, _agreement(expected, said, ended),
            _carrying(exchange, missing),
        )  # fmt: skip


def _model(exchange: Exchange, address: str) -> Model:
    provider = exchange.provider
    base = address + ("/v1" if provider in ("ollama", "openai", "hosted_vllm") else "")
    # Ollama's form of OpenAI's API is reached as any other server of that form.
    name = f"{'openai' if provider == 'ollama' else provider}/{exchange.model}"
    options = ModelOptions.model_validate({"api_base": base, "api_key": f"env:{KEY_VARIABLE}"})
    return model_of(name, options)


def _asked(
    model: Model, exchange: Exchange, answers: list[AssistantMessage], *, streams: bool
) -> tuple[AssistantMessage | None, str]:
    import os

    os.environ.setdefault(KEY_VARIABLE, "none")
    prompt = prompt_of(exchange.asked, model.name, answers)
    streams = streams or bool(exchange.asked.get("stream"))
    without = frozenset[str]() if streams else frozenset({"stream"})
    try:
        for event in attempt(model, prompt, cancelled=threading.Event(), without=without):
            if isinstance(event, Answered):
                return event.message, event.ended
    except ModelError as error:
        return None, type(error).__name__
    return None, "nothing"


def _agreement(expected: Meaning, said: AssistantMessage | None, ended: str) -> str:
    if expected.error:
        wanted = CLASSES.get(expected.error, ())
        good = said is None and (not wanted or ended in wanted)
        return "yes" if good else f"no: error {expected.error}"
    if said is None:
        return "no: an answer"
    if said.text.strip() != expected.text.strip():
        return "no: text"
    if said.reasoning.strip() != expected.reasoning.strip():
        return "no: reasoning"
    if [(call.name, call.arguments) for call in said.calls] != expected.calls:
        return "no: calls"
    return "yes" if (ended == "length") == expected.length else "no: ending"


def _carrying(exchange: Exchange, missing: set[tuple[str, str]]) -> str:
    if not carried(exchange.asked):
        return "–"
    kinds = sorted({kind for kind, _ in missing})
    return f"no: {', '.join(kinds)}" if missing else "yes"


if __name__ == "__main__":
    sys.exit(main() > 0)

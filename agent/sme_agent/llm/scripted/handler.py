"""The HTTP side: which address is what, and the record of what was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Literal

from sme_agent.llm.scripted import answers, wire_ollama
from sme_agent.llm.scripted.asked import DEFAULT_NUM_CTX, Api, Asked, asked_of, truncated
from sme_agent.llm.scripted.delivery import Cut, Delivery, Manner, Outgoing
from sme_agent.llm.scripted.plan import ScriptedModel
from sme_agent.llm.scripted.templates import NothingToFillIn

if TYPE_CHECKING:
    from sme_agent.llm.scripted.server import ScriptedServer

_SECRET = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
HIDDEN = "(hidden)"
"""What stands for a key in the record: that one was sent can be seen, and not which."""

_Kind = Literal["answer", "count", "show"]
_POSTS: tuple[tuple[str, Api, _Kind], ...] = (
    # By their ends: providers put their own beginnings before them, such as /openai/v1 or /api/v1.
    ("/chat/completions", "openai", "answer"),
    ("/messages", "anthropic", "answer"),
    ("/messages/count_tokens", "anthropic", "count"),
    ("/api/chat", "ollama", "answer"),
    ("/api/show", "ollama", "show"),
)

ANSWERS = tuple(end for end, _, kind in _POSTS if kind == "answer")
"""How the addresses end at which a model answers."""


@dataclass
class Request:
    """A request that came, its keys hidden."""

    number: int
    """From 1, in the order in which they came."""
    method: str
    path: str
    """Without its query."""
    headers: dict[str, str]
    """By their names in lower case."""
    body: Any
    """The JSON value; a text where it is no JSON; None where there is none."""
    exchange: str | None = None
    """What answered: the exchange's number in the plan, from 1, or `default`; None: neither."""


def recorded_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Headers as they may be kept and shown."""
    named = {name.lower(): value for name, value in headers}
    return {name: HIDDEN if name in _SECRET else value for name, value in named.items()}


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "scripted"
    disable_nagle_algorithm = True
    scripted: ScriptedServer
    """Set in the class that a server makes of this one."""

    def do_GET(self) -> None:
        """Lists of models, and the record."""
        path = self._path()
        if path == "/requests":
            self._send(answers.document([vars(one) for one in self.scripted.requests]))
            return
        self.scripted.note(self._request(None))
        self._send(self._listing(path))

    def do_POST(self) -> None:
        """Answers of the model, and what is asked about it."""
        body = self._body()
        request = self._request(body)
        self.scripted.note(request)
        found = next(((api, kind) for end, api, kind in _POSTS if request.path.endswith(end)), None)
        if found is None:
            self._send(answers.problem(404, "openai", f"there is no {request.path} here"))
            return
        api, kind = found
        if not isinstance(body, dict):
            self._send(answers.problem(400, api, "the body of the request is no JSON object"))
        elif kind == "show":
            self._show(str(body.get("model") or body.get("name")))
        elif kind == "count":
            self._send(answers.document({"input_tokens": asked_of(api, body).tokens}))
        else:
            self._answer(request, self._seen(asked_of(api, body)))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the record tells it better."""

    def _answer(self, request: Request, asked: Asked) -> None:
        chosen = self.scripted.script.choose(asked)
        if chosen is None:
            self._unmatched(request, asked, "no exchange of the plan fits, and it has no default")
            return
        request.exchange = chosen.name
        try:
            outgoing, manner = answers.answer(asked, chosen, request.number)
        except NothingToFillIn as error:
            self._unmatched(request, asked, f"exchange {chosen.name}: {error}")
            return
        self._send(outgoing, manner)

    def _unmatched(self, request: Request, asked: Asked, why: str) -> None:
        results = [said.tool or "?" for said in asked.said if said.role == "tool"]
        message = (
            f"request {request.number} ({asked.api}, model {asked.model!r}, turn {asked.turn}): "
            f"{why}; last user message: {asked.newest('user')[:200]!r}; "
            f"tool results: {', '.join(results) or 'none'}"
        )
        self.scripted.unmatched.append(message)
        self._send(answers.problem(500, asked.api, message))

    def _seen(self, asked: Asked) -> Asked:
        """What the model sees of a request, where Ollama drops what its context can't hold."""
        if asked.api != "ollama" or not self.scripted.plan.truncates:
            return asked
        options = asked.body.get("options")
        wanted = options.get("num_ctx") if isinstance(options, dict) else None
        model = self._model(asked.model)
        own = model.num_ctx if model else None
        return truncated(asked, wanted if isinstance(wanted, int) else own or DEFAULT_NUM_CTX)

    def _listing(self, path: str) -> Outgoing:
        plan = self.scripted.plan
        anthropic = "anthropic-version" in self.headers
        _, found, name = path.partition("/models")
        if path in ("/api/tags", "/api/ps"):
            running = path == "/api/ps"
            entries = [wire_ollama.listed(m, running=running) for m in answers.models(plan)]
            return answers.document({"models": entries})
        if found and not name:
            return answers.document(answers.model_list(plan, anthropic=anthropic))
        model = self._model(name[1:]) if found else None
        if model:
            return answers.document(answers.model_entry(model, anthropic=anthropic))
        api: Api = "anthropic" if anthropic else "openai"
        return answers.problem(404, api, f"there is no {path} here")

    def _show(self, name: str) -> None:
        model = self._model(name)
        if model:
            self._send(answers.document(wire_ollama.show(model)))
        else:
            self._send(answers.problem(404, "ollama", f"model '{name}' not found"))

    def _model(self, name: str) -> ScriptedModel | None:
        """The model by this name; any name is one where the plan lists none."""
        listed = self.scripted.plan.models
        if not listed:
            return ScriptedModel(name=name)
        return next((model for model in listed if model.name == name), None)

    def _send(self, outgoing: Outgoing, manner: Manner | None = None) -> None:
        try:
            Delivery(self, self.scripted.closing).send(outgoing, manner or Manner())
        except Cut:
            self.close_connection = True

    def _request(self, body: object) -> Request:
        headers = recorded_headers(list(self.headers.items()))
        return Request(0, self.command, self._path(), headers, body)

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/") or "/"

    def _body(self) -> object:
        length = self.headers.get("Content-Length", "")
        raw = self.rfile.read(int(length)) if length.isdecimal() else b""
        try:
            return json.loads(raw)
        except ValueError:
            return raw.decode("utf-8", "replace") or None

"""Recorded conversations with a model: vcrpy's cassettes, played without any server.

    with played("openai") as tape:      # or recorded anew: SME_CASSETTES=record
        ...                             # models answer at tape.base

A request is the same as a recorded one if it goes to the same address and says the same: see
`essence`. Its words are not compared where they are those of a prompt file, which may be written
better without a new recording.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vcr
from vcr.cassette import Cassette
from vcr.request import Request

from models import scripted

FOLDER = Path(__file__).parent / "agent/llm/cassettes"
HOST = "http://models.invalid"
"""What the server is called in a cassette: a name that nobody can have."""
SAID = "srv is full, please mend it"
"""What the person says in every recording."""
MARK = "x-recorded"
KEPT_HEADERS = ("content-type", "anthropic-version", "anthropic-beta")
RECORDS = os.environ.get("SME_CASSETTES") == "record"
_FENCED = re.compile(r"<<(data-[0-9a-f]{16}) ([^\n]*)\n(.*?)\n\1>>", re.DOTALL)

_DRAWN_ID = re.compile(r"call_[0-9a-f]{24}")
"""Of a call that a model wrote as text: it has an id of our own."""


@dataclass
class Tape:
    """A cassette that is being played."""

    base: str
    cassette: Cassette

    @property
    def asked(self) -> list[Any]:
        """The essence of each request that it holds."""
        return [json.loads(request.body or b"null") for request in self.cassette.requests]


@contextlib.contextmanager
def played(name: str, plan: Sequence[dict[str, Any]], *, records: bool = RECORDS) -> Iterator[Tape]:
    """Answer from a cassette, with every other way out closed; or record it from a plan."""
    if not records:
        with sealed(), _tape(name, "none", HOST) as tape:
            yield tape
        return
    (FOLDER / f"{name}.yaml").unlink(missing_ok=True)
    with (
        scripted(plan, models=[{"name": "scripted", "context": 32768}]) as server,
        _tape(name, "all", server.base) as tape,
    ):
        yield tape


@contextlib.contextmanager
def sealed() -> Iterator[None]:
    """Let nothing be reached, this machine included."""
    kept = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    resolve = socket.getaddrinfo

    def refuse(*asked: object, **_named: object) -> None:
        raise AssertionError(f"a cassette is played, and something calls out: {asked[-2:]}")

    with contextlib.ExitStack() as undo:
        for name, real in kept.items():
            setattr(socket.socket, name, refuse)
            undo.callback(setattr, socket.socket, name, real)
        setattr(socket, "getaddrinfo", refuse)  # noqa: B010
        undo.callback(setattr, socket, "getaddrinfo", resolve)
        yield


@contextlib.contextmanager
def _tape(name: str, mode: str, base: str) -> Iterator[Tape]:
    recorder = vcr.VCR(
        cassette_library_dir=str(FOLDER),
        record_mode=mode,
        match_on=("method", "uri", "body"),
        before_record_request=lambda request: _plain(request, base),
        before_record_response=_without_moment,
    )
    with recorder.use_cassette(f"{name}.yaml") as cassette:
        yield Tape(base, cassette)


def _plain(request: Request, base: str) -> Request:
    """What is kept of a request; one that comes from a cassette is that already."""
    if MARK in request.headers:
        return request
    said = None
    if request.body:
        said = json.dumps(essence(json.loads(request.body)), ensure_ascii=False, indent=1)
        drawn = list(dict.fromkeys(_DRAWN_ID.findall(said)))
        said = _DRAWN_ID.sub(lambda found: f"call_{drawn.index(found[0]) + 1}", said)
    headers = {name: value for name, value in request.headers.items() if name in KEPT_HEADERS}
    return Request(
        request.method, request.uri.replace(base, HOST), said, headers | {MARK: "essence"}
    )


def _without_moment(response: dict[str, Any]) -> dict[str, Any]:
    kept = ("content-type", "transfer-encoding")
    headers = {k: v for k, v in response["headers"].items() if k.lower() in kept}
    return {**response, "headers": headers}


def essence(body: Any) -> Any:
    """What counts in a request: everything but the words of prompts, and what is drawn anew."""
    body = dict(body)
    for name in ("system", "tools"):
        if name in body:
            body[name] = [_named(one) for one in body[name]]
    body["messages"] = [_message(one) for one in body.get("messages", ())]
    return body


def _named(part: dict[str, Any]) -> dict[str, Any]:
    """A tool, or a part of the system prompt, without its words."""
    inner = part.get("function", part)
    marks = {key: part[key] for key in ("type", "cache_control") if key in part}
    return marks | {"name": inner["name"]} if "name" in inner else marks


def _message(said: dict[str, Any]) -> dict[str, Any]:
    told = said["role"] != "assistant"
    content = said.get("content")
    if isinstance(content, list):
        content = [_block(block, told=told) for block in content]
    elif told and content is not None:
        content = told_words(content)
    return said | ({"content": content} if "content" in said else {})


def _block(block: dict[str, Any], *, told: bool) -> dict[str, Any]:
    block = dict(block)
    for key in ("text", "content"):
        if told and isinstance(block.get(key), str):
            block[key] = told_words(block[key])
        elif told and isinstance(block.get(key), list):
            block[key] = [_block(inner, told=True) for inner in block[key]]
    return block


def told_words(text: str) -> str:
    """Of what a model is told: what hosts said, by evidence id; other data's names; SAID."""
    fenced = [
        f"{source}: {inside}" if "#" in source else f"({source})"
        for _, source, inside in _FENCED.findall(text)
    ]
    return "\n".join([*fenced, *([SAID] if SAID in text else [])]) or "(words of ours)"

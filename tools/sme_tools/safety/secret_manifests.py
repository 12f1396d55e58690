"""Secrets of Kubernetes: in a manifest of kind Secret every value is one, whatever its name.

kubectl writes `data` before `kind`, people write it after, so the whole object is looked at: from
its `apiVersion` to the next. Its values are JSON or YAML, in the annotation of `kubectl apply`
also JSON inside of a string.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from sme_tools.safety.secret_values import Secret

_KIND = re.compile(r"\bkind\\{0,3}[\"']?:[ \t]{0,8}\\{0,3}[\"']?Secret\b")
_API = re.compile(r"\bapiVersion\b|^---", re.MULTILINE)
_NEAR_CHARS = 32
_JSON_DATA = re.compile(
    r"\"(?:data|stringData)\\{0,3}\"\s{0,8}:\s{0,8}\{(?P<inside>[^{}]{1,65536})\}"
)
_JSON_VALUE = re.compile(
    r"\"(?P<name>[\w.-]{1,253})\\{0,3}\"\s{0,8}:\s{0,8}\\{0,3}\"(?P<value>[^\"\\]{1,65536})"
)
_YAML_DATA = re.compile(r"^(?P<indent>[ ]{0,40})(?:data|stringData):[ \t]*\n", re.MULTILINE)
_YAML_VALUE = re.compile(
    r"(?P<name>[\w.-]{1,253}):[ ]{1,8}(?P<quote>[\"']?)(?P<value>[^\s\"'][^\n]*)"
)
_OPEN = re.compile(r".*\.crt|ca-bundle|user(?:name)?|namespace", re.IGNORECASE)
"""Names whose values are open to everybody: certificates, accounts."""


def manifest_secrets(text: str) -> list[Secret]:
    """The values in the manifests of kind Secret that a text holds, in order."""
    if "Secret" not in text:  # the quickest look there is
        return []
    found: dict[int, Secret] = {}
    for start, end in _objects(text):
        for secret in (*_in_json(text, start, end), *_in_yaml(text, start, end)):
            found[secret.start] = secret
    return [found[start] for start in sorted(found)]


def _objects(text: str) -> list[tuple[int, int]]:
    """The stretches that hold a Secret, each once, so that the time stays linear."""
    kinds = [match.start() for match in _KIND.finditer(text)]
    if not kinds:
        return []
    bounds = [0, *(match.start() for match in _API.finditer(text)), len(text)]
    objects: set[tuple[int, int]] = set()
    for kind in kinds:
        following = bisect_right(bounds, kind)
        objects.add((bounds[following - 1], bounds[following]))
        # Where `kind` stands before `apiVersion`, that is its own, and the values come after it.
        if bounds[following] - kind < _NEAR_CHARS and following + 1 < len(bounds):
            objects.add((bounds[following], bounds[following + 1]))
    return sorted(objects)


def _in_json(text: str, start: int, end: int) -> Iterator[Secret]:
    for data in _JSON_DATA.finditer(text, start, end):
        for pair in _JSON_VALUE.finditer(text, *data.span("inside")):
            yield from _secret(pair["name"], text, *pair.span("value"))


def _in_yaml(text: str, start: int, end: int) -> Iterator[Secret]:
    for data in _YAML_DATA.finditer(text, start, end):
        at, indent = data.end(), len(data["indent"])
        while at < end:
            line_end = text.find("\n", at, end)
            line_end = end if line_end < 0 else line_end
            line = text[at:line_end]
            depth = len(line) - len(line.lstrip(" "))
            if line.strip() and depth <= indent:
                break
            pair = _YAML_VALUE.match(text, at + depth, line_end)
            at = line_end + 1
            if pair is None:
                continue
            if pair["value"].startswith(("|", ">")):
                begins, at = at, _end_of_block(text, at, end, depth)
                yield from _secret(pair["name"], text, begins, at)
            else:
                stop = pair.start("value") + len(pair["value"].rstrip().rstrip(pair["quote"]))
                yield from _secret(pair["name"], text, pair.start("value"), stop)


def _end_of_block(text: str, at: int, end: int, depth: int) -> int:
    while at < end:
        line_end = text.find("\n", at, end)
        line_end = end if line_end < 0 else line_end
        line = text[at:line_end]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= depth:
            break
        at = line_end + 1
    return min(at, end)


def _secret(name: str, text: str, start: int, stop: int) -> Iterator[Secret]:
    """The value without the white space around it, unless it is none, or open, or hidden."""
    value = text[start:stop]
    start += len(value) - len(value.lstrip())
    stop -= len(value) - len(value.rstrip())
    if start < stop and "<secret:" not in value and not _OPEN.fullmatch(name):
        block = "private-key" if "-----BEGIN" in value else "secret"
        yield Secret(start, stop, block)

"""Facts: typed data about one host at one moment, one JSON document.

A probe `storage.filesystems` puts its facts at `storage.filesystems` of the document:

    {"host": "web1", "observed_at": "2026-11-20T09:00:00Z",
     "storage": {"filesystems": [{"mount": "/", "used_percent": 41.3, …}]},
     "probes": [{"id": "storage.filesystems", "status": "known", "evidence": "web1/…#1", …}]}

What a host lacks is left out of the document, never null: a condition that names it is then not
applicable.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sme_tools.errors import FactsInvalid

DOMAINS = (
    "system",
    "storage",
    "processes",
    "services",
    "network",
    "containers",
    "gpu",
    "logs",
    "certificates",
    "cluster",
    "kubernetes",
    "database",
)

ProbeStatus = Literal["known", "absent", "unknown"]
"""known: facts were read; absent: the host has no such thing; unknown: it could not be read."""


class Fact(BaseModel):
    """Base of everything a probe states. Units are in the field names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProbeRun(BaseModel):
    """How one probe went on one host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    status: ProbeStatus
    evidence: str
    duration_s: float
    reason: str | None = None
    """Why the facts are unknown: `needs root`, `timed out after 10 s`, the tool's own complaint."""


class Facts(BaseModel):
    """What is known about one host at one moment."""

    model_config = ConfigDict(extra="forbid")

    host: str
    observed_at: datetime
    values: dict[str, Any] = Field(default_factory=dict)
    """By domain, then by the rest of the probe's id: plain JSON values without nulls."""
    probes: list[ProbeRun] = Field(default_factory=list)

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """The value at a dotted path, or None if the host lacks it."""
        value: Any = self.values
        for name in path.split("."):
            if not isinstance(value, dict) or name not in value:
                return None
            value = value[name]
        return value

    def put(self, probe: str, value: object) -> None:
        """Set a probe's facts: a Fact, a list of them, or a plain JSON value."""
        *parents, last = probe.split(".")
        target = self.values
        for name in parents:
            target = target.setdefault(name, {})
        target[last] = plain(value)

    def run_of(self, probe: str) -> ProbeRun | None:
        """How the probe went the last time, or None if it did not run."""
        return next((run for run in reversed(self.probes) if run.id == probe), None)

    def unknown(self) -> list[ProbeRun]:
        """The probes whose facts could not be read."""
        return [run for run in self.probes if run.status == "unknown"]

    def merge(self, later: Facts) -> None:
        """Take over what a later observation of the same host found."""
        fresh = {run.id for run in later.probes}
        self.probes = [run for run in self.probes if run.id not in fresh] + later.probes
        for run in later.probes:
            value = later.get(run.id)
            if value is not None:
                self.put(run.id, value)
        self.observed_at = later.observed_at

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return {
            "host": self.host,
            "observed_at": self.observed_at.isoformat(),
            **self.values,
            "probes": [run.model_dump(exclude_none=True) for run in self.probes],
        }

    @classmethod
    def from_document(cls, document: object, source: str) -> Facts:
        """Read a document back.

        Raises:
            FactsInvalid: it is no facts document; the message names `source` and the field.
        """
        if not isinstance(document, dict):
            raise FactsInvalid(f"{source}: a facts document is a JSON object")
        unknown = sorted(set(document) - {*DOMAINS, "host", "observed_at", "probes"})
        if unknown:
            raise FactsInvalid(
                f"{source}: unknown domain {unknown[0]!r}; there are {', '.join(DOMAINS)}"
            )
        try:
            return cls(
                host=document.get("host", "recorded"),
                observed_at=document.get("observed_at", datetime.now().astimezone()),
                values={name: document[name] for name in DOMAINS if name in document},
                probes=document.get("probes", []),
            )
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise FactsInvalid(f"{source}: {where}: {first['msg']}") from error

    @classmethod
    def from_json(cls, text: str, source: str) -> Facts:
        """Read the JSON text of a document. Raises FactsInvalid."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise FactsInvalid(f"{source}: not JSON: {error}") from error
        return cls.from_document(document, source)


def plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """A Fact, or a list or mapping of them, as JSON values without nulls."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return value

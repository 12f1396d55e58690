"""Scenarios as data: a healthy host with a few outputs changed, a symptom, and what must come out.

A file in scenarios/ holds:

    host: docker-host              what it is like: a file of scenarios/hosts
    symptom: what the user types   optional
    replace: {PROBE: [[old, new]]} pieces of the host's outputs, each of which must be there
    outputs: {PROBE: text}         outputs to print instead; null: the tool is absent
    containers: {NAME: {…}}        what `docker inspect` says of a container, where it differs
    journal: [{unit, says, …}]     entries of the journal
    kernel: [line, …]              further lines of dmesg
    unreadable: [PROBE]            probes that this login may not run
    also: {NAME: {host: …}}        further hosts, in the same form
    expect: …                      see `Expectation`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from sme_memory.incident import Diagnosis, Incident
from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import NO_PERMISSION_EXIT_CODE, Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.snapshot import write_snapshot
from sme_tools.probes.registry import probes

FOLDER = Path(__file__).parent / "agent" / "scenarios"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


class Expectation(BaseModel):
    """What must come out of a scenario. A cause is `CHECK SUBJECT`, or `issue ID` for one that a
    known issue alone names."""

    model_config = ConfigDict(extra="forbid")

    verdict: str
    root: str | None = None
    """The first root cause."""
    also_roots: list[str] = []
    """Further root causes, in any order; nothing else may be one."""
    accounts_for: list[str] = []
    """Findings that follow from the first root cause."""
    known_issue: str | None = None
    """Whose signature must be seen to hold, before any other."""
    not_recognised: list[str] = []
    """Known issues whose signature must not hold."""
    near: str | None = None
    """A known issue that must be named as near."""
    not_blamed: list[str] = []
    """Beginnings of causes that must not be root causes."""
    found: list[str] = []
    """Findings that must be there, blamed or not."""
    confidence: list[str] = []
    """Which are right."""
    next_step: str | None = None
    """What the next steps must contain."""
    summary: str | None = None
    """What the summary must contain."""
    most_steps: int = 6
    probes: list[str] = []
    """What must have been looked at."""


class Scenario(BaseModel):
    """One file, as far as it is not about the host."""

    model_config = ConfigDict(extra="forbid")

    symptom: str | None = None
    machine: dict[str, Any]
    also: dict[str, dict[str, Any]] = {}
    expect: Expectation

    @classmethod
    def read(cls, path: Path) -> Scenario:
        """Read one scenario."""
        raw = yaml.safe_load(path.read_text("utf-8"))
        own = {key: raw.pop(key) for key in ("symptom", "also", "expect") if key in raw}
        return cls(machine=raw, **own)


def recorded_host(machine: dict[str, Any], name: str, folder: Path) -> Host:
    """The host of a scenario, as a snapshot that can be replayed."""
    machine = dict(machine)
    base = _base(machine.pop("host"))
    outputs = _outputs(base, machine)
    unreadable = machine.pop("unreadable", [])
    assert not machine, f"unknown: {sorted(machine)}"
    unknown = (set(outputs) | set(unreadable)) - set(probes())
    assert not unknown, f"no such probe: {unknown}"
    evidence = [
        _evidence(name, id, None if id in unreadable else outputs.get(id), id in unreadable)
        for id in probes()
    ]
    path = folder / f"{name}.smesnap"
    write_snapshot(path, name, evidence)
    return Host(name=name, transport="replay", snapshot=path)


@cache
def _base(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load((FOLDER / "hosts" / f"{name}.yaml").read_text("utf-8"))
    return raw


def _outputs(base: dict[str, Any], machine: dict[str, Any]) -> dict[str, str | None]:
    outputs: dict[str, str | None] = dict(base["outputs"])
    for probe, pairs in machine.pop("replace", {}).items():
        for old, new in pairs:
            text = outputs[probe]
            assert text is not None and old in text, f"{probe} does not print {old!r}"
            outputs[probe] = text.replace(old, new)
    changed = machine.pop("containers", {})
    known = base.get("containers", {})
    if known or changed:
        fields = {
            name: known.get(name, {}) | (changed.get(name) or {}) for name in [*known, *changed]
        }
        outputs["containers.docker"] = _docker_inspect(fields)
    if entries := machine.pop("journal", []):
        outputs["logs.journal"] = "".join(_journal_lines(entries))
    if lines := machine.pop("kernel", []):
        outputs["logs.kernel_events"] = f"{outputs['logs.kernel_events']}" + "".join(
            f"kern  :err   : 2026-11-20T09:40:{i:02},000000+00:00 {line}\n"
            for i, line in enumerate(lines)
        )
    outputs |= machine.pop("outputs", {})
    return outputs


def _docker_inspect(containers: dict[str, dict[str, Any]]) -> str:
    """What the command of containers.docker prints: a line for the daemon, one a container."""
    lines = [{"now": int(NOW.timestamp()), "count": len(containers), "gpu_nodes": "/dev/nvidia0"}]
    for number, (name, fields) in enumerate(containers.items()):
        line: dict[str, Any] = {
            "name": f"/{name}", "id": f"{number:02x}" * 32, "image": "busybox:1",
            "state": "running", "exit_code": 0, "oom_killed": False, "error": "",
            "started_at": "2026-11-18T08:00:00.970448Z", "finished_at": "0001-01-01T00:00:00Z",
            "health": None, "restart_count": 0, "restart_policy": "unless-stopped",
            "log_driver": "local", "log_max_size": "10m", "memory": 0, "privileged": False,
            "runtime": "runc", "devices": [None], "requests": [None], "mounts": [],
            "gpu_env": [None],
        }  # fmt: skip
        unknown = set(fields) - set(line)
        assert not unknown, f"docker inspect has no {unknown}"
        line |= fields
        line["mounts"] = [*line["mounts"], None]
        lines.append(line)
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def _journal_lines(entries: list[dict[str, Any]]) -> list[str]:
    """Entries as journalctl -o json prints them: {unit, says, priority: 3, times: 1}."""
    lines = []
    at = int(NOW.timestamp()) - 7200
    for entry in entries:
        for _ in range(entry.get("times", 1)):
            at += 7
            unit = entry["unit"]
            line = {
                "__CURSOR": f"s=9f1c;i={at:x}", "__REALTIME_TIMESTAMP": f"{at}000000",
                "_BOOT_ID": "77aa0f0e", "PRIORITY": str(entry.get("priority", 3)),
                "SYSLOG_IDENTIFIER": unit.removesuffix(".service"), "_SYSTEMD_UNIT": unit,
                "MESSAGE": entry["says"].replace("{n}", str(at)),
            }  # fmt: skip
            lines.append(json.dumps(line) + "\n")
    return lines


def _evidence(host: str, id: str, output: str | None, unreadable: bool) -> Evidence:
    exit_code = NO_PERMISSION_EXIT_CODE if unreadable else 127 if output is None else 0
    return Evidence(
        id=f"{host}/{id}#1", host=host, step=id, command=probes()[id].command,
        stdout=output or "", stderr="", exit_code=exit_code, outcome="completed",
        privilege="user" if unreadable else "root", started_at=NOW, duration_s=0.01,
    )  # fmt: skip


def differences(incident: Incident, expected: Expectation) -> list[str]:
    """What came out otherwise than expected, in words; empty if nothing did."""
    diagnosis = incident.diagnosis
    assert diagnosis is not None
    ran = {probe["id"] for facts in incident.facts.values() for probe in facts["probes"]}
    steps = "\n".join(f"{step.text}\n{step.command or ''}" for step in diagnosis.next_steps)
    confidence = expected.confidence or [diagnosis.confidence]
    wrong = [
        (diagnosis.verdict != expected.verdict, f"verdict {diagnosis.verdict}"),
        (diagnosis.confidence not in confidence, f"confidence {diagnosis.confidence}"),
        ((expected.next_step or "") not in steps, f"next steps lack {expected.next_step!r}"),
        (len(diagnosis.next_steps) > expected.most_steps, "too many next steps"),
        ((expected.summary or "") not in diagnosis.summary, f"summary {diagnosis.summary!r}"),
        *((id not in ran, f"{id} was not looked at") for id in expected.probes),
        *_wrong_causes(incident, diagnosis, expected),
        *_wrong_issues(diagnosis, expected),
    ]
    return [text for is_wrong, text in wrong if is_wrong]


def _wrong_causes(
    incident: Incident, diagnosis: Diagnosis, expected: Expectation
) -> Iterator[tuple[bool, str]]:
    names = {finding.fingerprint: _name(finding) for finding in incident.findings}
    claims = diagnosis.root_causes
    roots = [names.get(claim.finding or "", f"issue {claim.known_issue}") for claim in claims]
    if expected.root:
        yield roots[:1] != [expected.root], f"root causes {roots}, not {expected.root}"
        yield sorted(roots[1:]) != sorted(expected.also_roots), f"further root causes {roots[1:]}"
    for start in expected.not_blamed:
        yield any(root.startswith(start) for root in roots), f"{start} is blamed"
    for name in [*expected.found, *expected.accounts_for]:
        yield name not in names.values(), f"{name} was not found"
    first = claims[0].finding if claims else None
    explained = {names[e] for e, cause in diagnosis.explained.items() if cause == first}
    for name in expected.accounts_for:
        yield name not in explained, f"{name} is not accounted for"


def _wrong_issues(diagnosis: Diagnosis, expected: Expectation) -> Iterator[tuple[bool, str]]:
    holding = [known.id for known in diagnosis.known_issues if known.signature_holds]
    near = [known.id for known in diagnosis.known_issues if not known.signature_holds]
    if expected.known_issue:
        yield holding[:1] != [expected.known_issue], f"recognised {holding}"
    for id in expected.not_recognised:
        yield id in holding, f"{id} is recognised"
    if expected.near:
        yield expected.near not in near, f"near are {near}"
    yield len(near) > 3, "too many issues that are merely near"


def _name(finding: Finding) -> str:
    return f"{finding.check} {finding.subject}"

"""Facts from one output that somebody recorded, with no host at hand."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime

from sme_tools.errors import ProbeError, UnknownProbe
from sme_tools.facts import Facts, ProbeRun
from sme_tools.probes.registry import Probe, find_probe, probes, readers_of
from sme_tools.safety.redaction import Redactor


def facts_of_output(probe_or_command: str, output: str) -> Facts:
    """The facts in a recorded output, named by a probe's id or by the command that printed it.

    Secrets in the output are redacted first. Where several probes read the same command, each that
    can read the output states its facts; if none can, those that read a like command are asked.

    Raises:
        UnknownProbe: no probe has this id or reads this command.
        ProbeError: the output can't be read.
    """
    facts = Facts(host="recorded", observed_at=datetime.now(UTC))
    clean = Redactor().text(output)
    failures: list[ProbeError] = []
    for group in _readers(probe_or_command):
        for probe in group:
            try:
                _read(probe, clean, facts)
            except ProbeError as error:
                failures.append(error)
        if facts.probes:
            return facts
    raise failures[0]


_NO_SUCH_PROGRAM = re.compile(
    r"(?:\S*(?:sh|bash|timeout|sudo|env): )?(?:line \d+: |\d+: )?(?:failed to run command )?\S+: "
    r"(?:command not found|not found|(?:/usr)?(?:/local)?/s?bin/\S+: No such file or directory"
    r"|No such file or directory)"
)


def _read(probe: Probe, output: str, facts: Facts) -> None:
    """Put the probe's facts among the others; of a program that was not there, none."""
    is_absent = _NO_SUCH_PROGRAM.fullmatch(output.strip()) is not None
    value = None if is_absent else probe.read(output)
    if value is not None:
        facts.put(probe.id, value)
    facts.probes.append(
        ProbeRun(
            id=probe.id,
            status="absent" if value is None else "known",
            evidence=f"recorded/{probe.id}#1",
            duration_s=0,
        )
    )


def _readers(probe_or_command: str) -> list[list[Probe]]:
    known = probes()
    if probe_or_command in known:
        return [[known[probe_or_command]]]
    if readers := readers_of(probe_or_command):
        return readers
    if " " not in probe_or_command and "." in probe_or_command and "/" not in probe_or_command:
        return [[find_probe(probe_or_command)]]
    commands = {form for probe in known.values() for form in probe.reads}
    near = difflib.get_close_matches(probe_or_command, sorted(commands), n=3)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise UnknownProbe(f"no probe reads the output of {probe_or_command!r}{hint}")

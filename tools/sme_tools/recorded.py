"""Facts from one output that somebody recorded, with no host at hand."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime

from sme_tools.errors import ProbeError, UnknownProbe
from sme_tools.facts import Facts, ProbeRun
from sme_tools.probes.registry import Probe, find_probe, probes, probes_that_read
from sme_tools.safety.redaction import Redactor


def facts_of_output(probe_or_command: str, output: str) -> Facts:
    """The facts in a recorded output, named by a probe's id or by the command that printed it.

    Secrets in the output are redacted first. Where several probes read the same command, each that
    can read the output states its facts.

    Raises:
        UnknownProbe: no probe has this id or reads this command.
        ProbeError: the output can't be read.
    """
    readers = _readers(probe_or_command)
    facts = Facts(host="recorded", observed_at=datetime.now(UTC))
    clean = Redactor().text(output)
    failures: list[ProbeError] = []
    for probe in readers:
        try:
            value = probe.read(clean)
        except ProbeError as error:
            failures.append(error)
            continue
        status = "absent" if value is None else "known"
        if value is not None:
            facts.put(probe.id, value)
        facts.probes.append(
            ProbeRun(id=probe.id, status=status, evidence=f"recorded/{probe.id}#1", duration_s=0)
        )
    if failures and not facts.probes:
        raise failures[0]
    return facts


def _readers(probe_or_command: str) -> list[Probe]:
    known = probes()
    if probe_or_command in known:
        return [known[probe_or_command]]
    readers = probes_that_read(probe_or_command)
    if readers:
        return readers
    if " " not in probe_or_command and "." in probe_or_command:
        return [find_probe(probe_or_command)]
    commands = {form for probe in known.values() for form in probe.reads}
    near = difflib.get_close_matches(probe_or_command, sorted(commands), n=3)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise UnknownProbe(f"no probe reads the output of {probe_or_command!r}{hint}")

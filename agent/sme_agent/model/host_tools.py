"""The tools that need a host: each becomes a request that goes through the policy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase

from sme_agent.model.arguments import Look, ReadFile, ReadLogs, Run
from sme_agent.model.bench import Bench, Wanted
from sme_agent.state import CommandRequest, ProbeRequest
from sme_tools.probes.registry import probes

MOST_LOG_LINES = 20_000
_SPAN = re.compile(r"(\d+)\s*(s|m|min|h|d|w)(?:\s+ago)?")


def look(asked: Look, bench: Bench) -> Wanted:
    """Probes by id or by domain."""
    ids = [id for pattern in asked.probes for id in _matching(pattern)]
    if not ids:
        raise bench.no_such("probe", asked.probes[0], near_probes(asked.probes))
    host = bench.host(asked.host)
    return Wanted(ProbeRequest(host=host, probes=list(dict.fromkeys(ids)), why=asked.why))


def unknown_probes(patterns: Sequence[str]) -> list[str]:
    """Those that match no probe; the others of the same call run."""
    return [pattern for pattern in patterns if not _matching(pattern)]


def near_probes(unknown: Sequence[str]) -> list[str]:
    """The probes that may be meant: those of the same domains, or else the domains."""
    domains = {word.split(".")[0] for word in unknown}
    return [id for id in probes() if id.split(".")[0] in domains] or _domains()


def _matching(pattern: str) -> list[str]:
    """The probes of a pattern; a domain alone means all of it."""
    return [id for id in probes() if fnmatchcase(id, pattern) or id.split(".")[0] == pattern]


def _domains() -> list[str]:
    return sorted({f"{id.split('.')[0]}.*" for id in probes()})


def run(asked: Run, bench: Bench) -> Wanted:
    """A command as the model wrote it."""
    return _command(bench, asked.host, asked.command, asked.why)


def read_file(asked: ReadFile, bench: Bench) -> Wanted:
    """The lines of a file that are wanted, by the plainest command that gives them."""
    path = shlex.quote(asked.path)
    last = asked.first_line + asked.lines - 1
    if asked.pattern:
        command = f"grep -n -E -m {asked.lines} -e {shlex.quote(asked.pattern)} {path}"
    elif asked.first_line < 0:
        command = f"tail -n {-asked.first_line} {path} | head -n {asked.lines}"
    else:
        command = f"sed -n '{max(asked.first_line, 1)},{max(last, 1)}p' {path}"
    return _command(bench, asked.host, command, f"read {asked.path}")


def read_logs(asked: ReadLogs, bench: Bench) -> Wanted:
    """The command that prints the log; its output is shown by templates."""
    since = _since(asked.since)
    if asked.path:
        command = f"tail -n {MOST_LOG_LINES} {shlex.quote(asked.path)}"
    elif asked.container:
        after = f"--since={shlex.quote(since.lstrip('-'))} " if since else ""
        name = shlex.quote(asked.container)
        command = f"docker logs --timestamps --tail {MOST_LOG_LINES} {after}-- {name} 2>&1"
    else:
        unit = "-k " if asked.unit == "kernel" else ""
        if asked.unit and asked.unit != "kernel":
            unit = f"--unit={shlex.quote(asked.unit)} "
        after = f"--since={shlex.quote(since)} " if since else ""
        command = f"journalctl --no-pager -o short-iso -n {MOST_LOG_LINES} {unit}{after}".strip()
    if asked.pattern:
        command += f" | grep -i -E -e {shlex.quote(asked.pattern)}"
    return _command(bench, asked.host, command, f"read the log of {_source(asked)}")


def _source(asked: ReadLogs) -> str:
    return asked.path or asked.container or asked.unit or "the whole host"


def _since(text: str | None) -> str:
    """A time as journalctl takes it: a span becomes one that ends now."""
    if not text:
        return ""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return text.strip()
    return f"-{found[1]}{'min' if found[2] == 'm' else found[2]}"


def _command(bench: Bench, host: str, command: str, why: str) -> Wanted:
    return Wanted(CommandRequest(host=bench.host(host), command=command, why=why))

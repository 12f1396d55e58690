"""What one process records of models and tools, and what it hides from models."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sme_agent.case import Case
    from sme_agent.llm.telemetry import Recorder
    from sme_tools.hosts.host import Host
    from sme_tools.safety.anonymise import Anonymiser


@functools.cache
def recorder(session_id: str) -> Recorder:
    """Logs and traces of one session, as the settings say; closed when the program ends.

    Raises:
        StateError: the log file can't be opened.
        SettingsInvalid: the packages for traces are not installed.
    """
    from sme_agent.llm.telemetry import Recorder
    from sme_cli import session

    hider = anonymiser()
    hide = hider.hide if hider else str
    made = Recorder(session.settings().telemetry, session=session_id, hide=hide)
    atexit.register(_close, made)
    return made


def _close(made: Recorder) -> None:
    from sme_cli.render.out import complain

    made.close()
    if made.problem:
        complain(made.problem, "See [telemetry] in config.toml, and the OTEL_* variables.")


@functools.cache
def anonymiser() -> Anonymiser | None:
    """Hides hosts and users from models, where the settings want it: the same in all sessions."""
    import getpass
    import socket

    from sme_cli import session
    from sme_tools.safety.anonymise import Anonymiser

    if not session.settings().anonymise:
        return None
    hider = Anonymiser(hosts=_forms(socket.gethostname()), users={getpass.getuser()})
    _know(hider, session.inventory().hosts())
    return hider


def learn_names(case: Case) -> None:
    """Have the names in a case hidden: those of its hosts, and what they call themselves."""
    hider = anonymiser()
    if hider is None:
        return
    _know(hider, case.hosts.values())
    for facts in case.facts.values():
        hider.know(hosts=_forms(facts.get("system.os.hostname") or ""))


def _know(hider: Anonymiser, hosts: Iterable[Host]) -> None:
    for host in hosts:
        hider.know(
            hosts={*_forms(host.name), *_forms(host.address or "")},
            users={host.user} if host.user else (),
        )


def _forms(name: str) -> set[str]:
    """A name with its domain and without; of an address nothing, which is found by its form."""
    short = name.partition(".")[0]
    return {name, short} if any(map(str.isalpha, short)) and ":" not in name else set()

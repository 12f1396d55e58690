"""What one process records of models and tools, and what it hides from models."""

from __future__ import annotations

import atexit
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sme_agent.llm.telemetry import Recorder
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
    hosts = session.inventory().hosts()
    here = socket.gethostname()
    names = {here, here.partition(".")[0]}
    names |= {name for host in hosts for name in (host.name, host.address) if name}
    users = {host.user for host in hosts if host.user} | {getpass.getuser()}
    return Anonymiser(hosts=names, users=users)

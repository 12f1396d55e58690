"""The way to a real host: secrets are taken out of what it says, and the audit log has it all.

A command that is no probe is announced in the audit log before it is sent, so that a kill leaves a
trace; how it ended is there before its evidence is handed on. The many probes of a look are entered
together when it ends. A change whose announcement can't be written does not run. A read-only look
does, with one complaint: a machine whose own disk is full has to be looked at too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sme_tools.errors import HostError
from sme_tools.hosts.audited_script import AuditedScript
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script
from sme_tools.hosts.transport import Closing, Transport
from sme_tools.safety.guard import Guard


class GuardedTransport(Closing):
    """A transport whose evidence is redacted, and whose every command is in the audit log.

    Safe to use from several threads if the transport within is.
    """

    def __init__(self, host: Host, inner: Transport, guard: Guard) -> None:
        self._host = host
        self._inner = inner
        self._guard = guard
        self._lock = threading.Lock()
        self._running: set[AuditedScript] = set()

    @property
    def account(self) -> str | None:
        """See `Transport.account`."""
        return self._inner.account

    def run(self, script: Script, *, timeout_s: float) -> Iterator[Evidence]:
        """See `Transport.run`. Nothing runs before the first evidence is asked for.

        Raises:
            ValueError: the script has no purpose.
            StateError: a change could not be announced in the audit log; nothing ran.
        """
        if script.purpose is None:
            raise ValueError(f"{self._host.name}: a script has to say its purpose")
        return self._run(script, script.purpose, timeout_s)

    def _run(self, script: Script, purpose: Purpose, timeout_s: float) -> Iterator[Evidence]:
        account = self._host.user
        with suppress(HostError):  # which `run` says again
            account = self.account
        audited = AuditedScript(self._host.name, account, script, purpose, self._guard)
        audited.announce()
        with self._watched(audited):
            for raw in self._inner.run(script, timeout_s=timeout_s):
                evidence = self._guard.redactor.evidence(raw)
                audited.took(evidence)
                yield evidence

    @contextmanager
    def _watched(self, audited: AuditedScript) -> Iterator[None]:
        """See to it that the script's end is entered, however it comes."""
        with self._lock:
            self._running.add(audited)
        try:
            yield
            audited.finish()
        except HostError as error:
            audited.finish(error.message, host_failed=True)
            raise
        finally:
            audited.finish("broken off by who asked for it")
            with self._lock:
                self._running.discard(audited)

    def close(self) -> None:
        """End the connection; what still ran is entered as broken off."""
        self._inner.close()
        with self._lock:
            running = list(self._running)
        for audited in running:
            audited.finish("broken off: the connection was closed")

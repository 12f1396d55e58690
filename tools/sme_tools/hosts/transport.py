"""The one seam to hosts. Nothing above it knows what SSH is, nothing below it what a finding is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.script import Script


class Closing(ABC):
    """Gives whatever has `close` its context manager."""

    @abstractmethod
    def close(self) -> None:
        """End what is open. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Transport(Protocol):
    """A way to run a script on one host. Implementations: local, ssh, replay, guarded."""

    @property
    def account(self) -> str | None:
        """The account that commands run as, before any sudo; None if nobody knows.

        Raises:
            HostUnreachable: the configuration that says so can't be read.
        """
        ...

    def run(self, script: Script, *, timeout_s: float) -> Iterator[Evidence]:
        """Yield each step's evidence as soon as it is complete, in the order of the script.

        `timeout_s` bounds the whole script; steps that had no turn by then are yielded with the
        outcome `timed-out`.

        Raises:
            HostUnreachable, AuthenticationFailed, HostKeyUnknown, HostKeyChanged, HostKeyRevoked:
                nothing ran.
            NoPosixShell: the login worked, the script did not start.
            HostLost: the connection broke; what was yielded before is valid.
        """
        ...

    def close(self) -> None:
        """End the connection, if there is one. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

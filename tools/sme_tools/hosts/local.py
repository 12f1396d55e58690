"""The transport to the machine this runs on: a child process."""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Literal

from sme_tools.errors import HostLost, NoPosixShell
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import own_account
from sme_tools.hosts.root_shell import RootShell, Stream, SudoPassword
from sme_tools.hosts.script import Script, ScriptReader
from sme_tools.hosts.transport import Closing

CHUNK_BYTES = 64 * 1024
END_LIMIT_S = 1.0
"""For the script to end its step and itself, before it is killed."""


class LocalTransport(Closing):
    """Runs scripts with this machine's /bin/sh."""

    def __init__(self, host: Host, *, shell: tuple[str, ...] = ("/bin/sh",)) -> None:
        self._host = host
        self._shell = shell
        self._password = SudoPassword(host)
        self._running: set[subprocess.Popen[bytes]] = set()

    @property
    def account(self) -> str:
        """The account of this process."""
        return own_account()

    def run(self, script: Script, *, timeout_s: float) -> Iterator[Evidence]:
        """See `Transport.run`. The time that sudo takes to ask for a password is not counted."""
        reader = ScriptReader(script, self._host.name)
        deadline = time.monotonic() + timeout_s
        process = self._start()
        self._running.add(process)
        try:
            if self._password.serves(script):
                self._become_root(process, timeout_s)
                deadline = time.monotonic() + timeout_s
            yield from self._read(process, script, reader, deadline)
        finally:
            self._running.discard(process)
            _end(process)
        if reader.ended:
            return
        if time.monotonic() >= deadline:
            yield from reader.take_rest("timed-out")
        elif not reader.started:
            raise NoPosixShell(f"/bin/sh gave: {reader.noise[:200]!r}", host=self._host.name)
        else:
            yield from reader.take_rest("lost")
            raise HostLost("the shell ended in mid-script", host=self._host.name)

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._shell,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise NoPosixShell(
                f"{self._shell[0]} can't be started: {error}", host=self._host.name
            ) from error

    def _become_root(self, process: subprocess.Popen[bytes], limit_s: float) -> None:
        shell = RootShell(_Pipes(process), self._password, self._host.name, limit_s=limit_s)
        if not shell.enter():
            raise NoPosixShell(f"/bin/sh gave: {shell.noise!r}", host=self._host.name)

    @staticmethod
    def _read(
        process: subprocess.Popen[bytes], script: Script, reader: ScriptReader, deadline: float
    ) -> Iterator[Evidence]:
        assert process.stdin and process.stdout and process.stderr
        unsent = memoryview(script.text().encode())
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdin, process.stdout, process.stderr):
                os.set_blocking(stream.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
            selector.register(process.stdout, selectors.EVENT_READ, "stdout")
            selector.register(process.stderr, selectors.EVENT_READ, "stderr")
            while selector.get_map() and not reader.ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                for key, _ in selector.select(left):
                    if key.fileobj is process.stdin:
                        unsent = unsent[_write(process.stdin, unsent) :]
                        if not unsent:
                            selector.unregister(process.stdin)
                            process.stdin.close()
                        continue
                    name: Literal["stdout", "stderr"] = key.data
                    if data := os.read(key.fd, CHUNK_BYTES):
                        reader.feed(name, data)
                    else:
                        selector.unregister(key.fileobj)
                yield from reader.take()

    def close(self) -> None:
        """End the scripts that still run, in other threads; they see a lost host."""
        self._password.forget()
        for process in list(self._running):
            _ask_to_end(process)


class _Pipes:
    """A `Wire` to a child process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._stdin = process.stdin
        self._open: dict[IO[bytes], Stream] = {process.stdout: "stdout", process.stderr: "stderr"}

    def send(self, data: bytes) -> None:
        """See `Wire.send`. What is sent here always fits into a pipe."""
        _write(self._stdin, memoryview(data))

    def receive(self, timeout_s: float) -> list[tuple[Stream, bytes]] | None:
        """See `Wire.receive`."""
        if not self._open:
            return None
        got = []
        for pipe in select.select(list(self._open), [], [], timeout_s)[0]:
            if data := os.read(pipe.fileno(), CHUNK_BYTES):
                got.append((self._open[pipe], data))
            else:
                del self._open[pipe]
        return got


def _write(stdin: IO[bytes], data: memoryview) -> int:
    try:
        return os.write(stdin.fileno(), data)
    except BrokenPipeError:
        return len(data)  # the shell has gone; its output says why


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """The script's own trap then ends the step that runs, which has a process group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    if process.poll() is None:
        _ask_to_end(process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_LIMIT_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # root's may not be ours to kill
        process.wait(END_LIMIT_S)

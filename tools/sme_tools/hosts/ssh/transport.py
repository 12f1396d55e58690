"""The transport over SSH: each script is one channel of one connection that is kept."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import paramiko

from sme_tools.errors import HostLost, HostUnreachable, NoPosixShell
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.root_shell import RootShell, Stream, SudoPassword
from sme_tools.hosts.script import Script, ScriptReader
from sme_tools.hosts.ssh.config import SshConfig, destination_of, resolve
from sme_tools.hosts.ssh.connect import Connection, connect
from sme_tools.hosts.ssh.hop import Hop, SshOptions
from sme_tools.hosts.transport import Closing

CHUNK_BYTES = 64 * 1024
SHELL = "exec /bin/sh"
"""Every login shell understands this, fish and csh too; the script then comes on its input."""
EXIT_STATUS_WAIT_S = 0.2
"""An exit code may come after the end of the output."""
SEND_INTERVAL_S = 0.01
"""paramiko has no file descriptor that tells when the host takes more input; so we look."""


class SshTransport(Closing):
    """Runs scripts on a host over SSH.

    The connection is made by the first `run` and kept for the next ones. Several threads may run
    scripts at the same time: each has its own channel.
    """

    def __init__(self, host: Host, options: SshOptions | None = None) -> None:
        self._host = host
        self._options = options or SshOptions()
        self._password = SudoPassword(host)
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._config: SshConfig | None = None

    @property
    def config(self) -> SshConfig:
        """What ssh_config says about the host. Raises HostUnreachable if it can't be read."""
        if self._config is None:
            self._config = resolve(destination_of(self._host), self._host.identity_file)
        return self._config

    @property
    def account(self) -> str:
        """The account that the login is to. Raises HostUnreachable if the files can't be read."""
        return self.config.user

    def connect(self) -> None:
        """Connect and log in now, unless that is done. Raises as `run`."""
        with self._lock:
            if self._connection is not None and self._connection.session.is_active():
                return
            self._drop()
            hop = Hop(self.config, self._host.name, self._options)
            self._connection = connect(hop, self._host.identity_file)

    def run(self, script: Script, *, timeout_s: float) -> Iterator[Evidence]:
        """See `Transport.run`. The time to connect, and to become root with a password, has its
        own limits and is not counted."""
        reader = ScriptReader(script, self._host.name)
        channel = self._open_channel()
        deadline = time.monotonic() + timeout_s
        try:
            self._start_shell(channel, deadline)
            if self._password.serves(script):
                self._become_root(channel, timeout_s)
                deadline = time.monotonic() + timeout_s
            yield from _converse(channel, script, reader, deadline)
            if not reader.ended:
                channel.status_event.wait(EXIT_STATUS_WAIT_S)
                yield from self._unfinished(channel, reader, timeout_s, deadline)
        finally:
            channel.close()

    def _open_channel(self) -> paramiko.Channel:
        kept = self._is_alive()
        self.connect()
        assert self._connection is not None
        limit = self.config.connect_timeout_s or self._options.connect_timeout_s
        try:
            return self._connection.session.open_session(timeout=limit)
        except paramiko.ChannelException as error:
            raise HostUnreachable(
                f"the server refuses another session: {error.args[1]}",
                host=self._host.name,
                remedy="Look at MaxSessions and the limits of processes on the host.",
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            if kept:  # it had broken unnoticed since the last script
                return self._open_channel()
            raise HostUnreachable(
                f"the connection broke before a session began: {error}", host=self._host.name
            ) from error

    def _start_shell(self, channel: paramiko.Channel, deadline: float) -> None:
        # exec_command waits for its answer without a limit; closing the channel ends the wait.
        watchdog = threading.Timer(max(deadline - time.monotonic(), 0.1), channel.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            channel.exec_command(SHELL)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not self._is_alive():
                raise HostLost(
                    "the connection broke before the script began", host=self._host.name
                ) from error
            raise self._no_shell(f"the server would not start {SHELL!r}: {error}") from error
        finally:
            watchdog.cancel()

    def _become_root(self, channel: paramiko.Channel, limit_s: float) -> None:
        wire = ChannelWire(channel, self._host.name)
        shell = RootShell(wire, self._password, self._host.name, limit_s=limit_s)
        if shell.enter():
            return
        noise = f"; it said: {shell.noise!r}" if shell.noise else ""
        raise self._no_shell("/bin/sh did not begin to run the script" + noise)

    def _is_alive(self) -> bool:
        return self._connection is not None and self._connection.session.is_active()

    def _unfinished(
        self, channel: paramiko.Channel, reader: ScriptReader, timeout_s: float, deadline: float
    ) -> Iterator[Evidence]:
        """What to say of a script that did not come to its end."""
        late = time.monotonic() >= deadline
        if late and reader.started:
            yield from reader.take_rest("timed-out")
            return
        if late:
            ending = f"/bin/sh did not start the script within {timeout_s:g} s"
        elif not self._is_alive():
            ending = "the connection broke in mid-script"
        elif channel.exit_status_ready() and channel.exit_status >= 0:
            ending = f"the shell ended in mid-script with exit code {channel.exit_status}"
        else:
            ending = "the shell ended in mid-script"
        if reader.started or not self._is_alive():
            yield from reader.take_rest("lost")
            raise HostLost(ending, host=self._host.name)
        noise = f"; it said: {reader.noise[:200]!r}" if reader.noise else ""
        raise self._no_shell(ending + noise)

    def _no_shell(self, message: str) -> NoPosixShell:
        remedy = NoPosixShell.remedy.replace("ssh {host}", self.config.command)
        return NoPosixShell(message, host=self._host.name, remedy=remedy)

    def close(self) -> None:
        """End the connection. May be called twice; a later `run` connects again."""
        self._password.forget()
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        """Forget the connection. The lock is held."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class ChannelWire:
    """A `Wire` to a shell on a host."""

    def __init__(self, channel: paramiko.Channel, host: str) -> None:
        self._channel = channel
        self._host = host
        self._poller = select.poll()
        self._poller.register(channel.fileno(), select.POLLIN)

    def send(self, data: bytes) -> None:
        """See `Wire.send`."""
        with suppress(OSError):  # the shell has gone; its output says why
            self._channel.sendall(data)

    def receive(self, timeout_s: float) -> list[tuple[Stream, bytes]] | None:
        """See `Wire.receive`."""
        deadline = time.monotonic() + timeout_s
        while True:
            # Seen before reading: what came until then is still read.
            over = self._channel.eof_received or self._channel.closed
            if got := _chunks(self._channel):
                return got
            if over:
                break
            if (left := deadline - time.monotonic()) <= 0:
                return []
            self._poller.poll(1000 * left)
        if not self._channel.eof_received:
            raise HostLost("the connection broke before the script began", host=self._host)
        return None


def _converse(
    channel: paramiko.Channel, script: Script, reader: ScriptReader, deadline: float
) -> Iterator[Evidence]:
    """Send the script while reading both streams, until the reader has seen the end.

    Ends early when the deadline is over or nothing more will come.
    """
    unsent = memoryview(script.text().encode())
    channel.setblocking(False)
    poller = select.poll()
    poller.register(channel.fileno(), select.POLLIN)
    while not reader.ended:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        unsent = _send(channel, unsent)
        # Seen before reading: what came until then is still read.
        over = channel.eof_received or channel.closed
        if not _receive(channel, reader):
            if over:
                return
            poller.poll(1000 * min(left, SEND_INTERVAL_S if unsent else left))
        yield from reader.take()


def _send(channel: paramiko.Channel, unsent: memoryview) -> memoryview:
    """Send as much as the host takes now; then say that this was all."""
    while unsent and channel.send_ready():
        try:
            sent = channel.send(bytes(unsent[:CHUNK_BYTES]))
        except OSError:  # the shell has gone; its output says why
            return unsent[:0]
        unsent = unsent[sent:]
        if not unsent:
            with suppress(OSError, EOFError):
                channel.shutdown_write()
    return unsent


def _receive(channel: paramiko.Channel, reader: ScriptReader) -> bool:
    """Take one chunk of each stream, so that neither starves. False: there was none."""
    chunks = _chunks(channel)
    for stream, data in chunks:
        reader.feed(stream, data)
    return bool(chunks)


def _chunks(channel: paramiko.Channel) -> list[tuple[Stream, bytes]]:
    """What is there to read, at most one chunk of each stream."""
    got: list[tuple[Stream, bytes]] = []
    if channel.recv_ready():
        got.append(("stdout", channel.recv(CHUNK_BYTES)))
    if channel.recv_stderr_ready():
        got.append(("stderr", channel.recv_stderr(CHUNK_BYTES)))
    return got

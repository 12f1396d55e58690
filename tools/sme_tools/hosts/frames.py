"""Takes one stream of a running script apart into the frames of its steps.

The form of the marker lines is written down in `sme_tools.hosts.script`. A host may print
anything: what looks like a marker line but is not one of ours counts as output.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

HEAD_BYTES = 256 * 1024
TAIL_BYTES = 256 * 1024
"""How much of the beginning and the end of each stream of a step is kept."""

_BEGIN = re.compile(rb"B (\d{1,6})(?: (root|sudo|user))?")
_END = re.compile(rb"E (\d{1,3}) (\d{1,12}(?:\.\d+)?) (\d{1,12}(?:\.\d+)?) (completed|timed-out)")


class Bounded:
    """Bytes of which the head and the tail are kept."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._cut_bytes = 0

    def add(self, data: bytes) -> None:
        """Append; what no longer fits is cut out of the middle."""
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * TAIL_BYTES:
            self._cut()

    def _cut(self) -> None:
        surplus = len(self._tail) - TAIL_BYTES
        if surplus > 0:
            del self._tail[:surplus]
            self._cut_bytes += surplus

    @property
    def omitted(self) -> int:
        """How many bytes were left out."""
        self._cut()
        return self._cut_bytes

    def text(self) -> str:
        """The bytes as text; a cut is said, and what is not UTF-8 becomes U+FFFD."""
        if not self.omitted:
            return (self._head + self._tail).decode("utf-8", "replace")
        head = self._head.decode("utf-8", "replace")
        tail = self._tail.decode("utf-8", "replace")
        return f"{head}\n[… {self.omitted} bytes left out …]\n{tail}"


@dataclass(frozen=True)
class Ending:
    """How a step ended; the clocks are the host's own, in seconds since some beginning."""

    exit_code: int
    began_s: float
    ended_s: float
    timed_out: bool


@dataclass
class Frame:
    """One stream's side of one step."""

    index: int
    privilege: str = "user"
    data: Bounded = field(default_factory=Bounded)
    opened: float = field(default_factory=time.monotonic)
    """When its first line arrived here, by our own monotonic clock."""
    ending: Ending | None = None
    """Standard output only; None while the step runs."""


class StreamSplitter:
    """Takes one stream apart into frames, however its bytes are cut into chunks."""

    def __init__(self, marker: str) -> None:
        self._marker = b"\n" + marker.encode() + b" "
        self._pending = b"\n"  # a marker may be the first thing on a line that never began
        self.open: Frame | None = None
        self.finished: dict[int, Frame] = {}
        self._noise = Bounded()
        self.ended = False

    @property
    def noise(self) -> str:
        """What came outside of any step."""
        return self._noise.text() + ("" if self.open else self._pending.decode("utf-8", "replace"))

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        self._pending += data
        start = 0
        while (at := self._pending.find(self._marker, start)) >= 0:
            line_end = self._pending.find(b"\n", at + 1)
            if line_end < 0:
                break
            self._keep(self._pending[start:at])
            if self._mark(self._pending[at + len(self._marker) : line_end]):
                start = line_end + 1
            else:
                self._keep(self._pending[at:line_end])
                start = line_end
        else:
            # A marker may lie across the end of what has come so far.
            at = max(start, len(self._pending) - len(self._marker))
            self._keep(self._pending[start:at])
            start = at
        self._pending = self._pending[start:]

    def flush(self) -> None:
        """Nothing more will come: what was held back is output."""
        self._keep(self._pending)
        self._pending = b""

    def _keep(self, data: bytes) -> None:
        (self.open.data if self.open else self._noise).add(data)

    def _mark(self, line: bytes) -> bool:
        """Act on a marker line. False: it is none of ours."""
        if begin := _BEGIN.fullmatch(line):
            self.open = Frame(int(begin[1]), (begin[2] or b"user").decode())
        elif self.open is not None and (end := _END.fullmatch(line)):
            self.open.ending = Ending(
                int(end[1]), float(end[2]), float(end[3]), end[4] == b"timed-out"
            )
            self._finish(self.open)
        elif self.open is not None and line == b"E":
            self._finish(self.open)
        elif line == b"Z":
            self.ended = True
        else:
            return False
        return True

    def _finish(self, frame: Frame) -> None:
        self.finished.setdefault(frame.index, frame)
        self.open = None

"""Space and inodes of the filesystems that can fill up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_kinds import IMAGE_TYPES, PSEUDO_TYPES, type_from_source
from sme_tools.probes.storage_reading import optional_size, percent, with_options


class Filesystem(Fact):
    """A mounted filesystem that can fill up, or one that `df` could not ask."""

    mount: str
    source: str | None = None
    fstype: str | None = None
    """None where `df` was run without -T and the source does not tell it."""
    total_bytes: int | None = None
    used_bytes: int | None = None
    available_bytes: int | None = None
    """What unprivileged programs can still write."""
    used_percent: float | None = None
    """As df counts it: used / (used + available), rounded up. Reserved blocks are not free."""
    inodes_total: int | None = None
    """None where the filesystem has no fixed number of inodes (btrfs, zfs, apfs)."""
    inodes_used: int | None = None
    inodes_free: int | None = None
    inodes_used_percent: float | None = None
    error: str | None = None
    """Why it could not be asked: `Stale file handle`, `Input/output error`."""


# -l leaves network mounts to storage.network_mounts: one dead server would block this for ever.
# busybox has no -l, and old versions of it no -T. On macOS -T means something else.
_COMMAND = """\
only= type=
case $(uname -s) in
Linux)
  df -P -l / >/dev/null 2>&1 && only=-l
  df -P -T / >/dev/null 2>&1 && type=-T
  df -P -k $type $only 2>&1; echo; df -P -i $only 2>&1 ;;
*) df -P -k -l 2>&1; echo; df -k -i -l 2>&1 ;;
esac"""


@probe(
    "storage.filesystems",
    level=1,
    command=_COMMAND,
    ok_exit_codes=(0, 1),
    reads=(
        *with_options(
            "df",
            "|-h|-H|-k|-m|-a|-l|-i|-T|-P|-g|-Y|-BM|-BG|-ah|-ha|-al|-la|-hl|-lh|-kP|-Pk|-kl"
            "|-lk|-ik|-ki|-hT|-Th|-hi|-ih|-li|-il|-ia|-ai|-iP|-Pi|-alP|-aP|-aT|-kT|-Tk|-PT"
            "|-TP|-PTk|-PkT|-hP|-Ph|-ahT|-hTl|-lhT|-TH|-HT|-hY|-hx tmpfs|-x tmpfs"
            "|-h -x tmpfs|-h -T|-T -h|-h -i|-i -h|-P -k|-k -P|-P -T|-P -i|-P -k -T|-P -T -k"
            "|-a -l|-l -i|-h -l|-h -a|-h /|-i /|-k /|/|-h .|-Th /|--total|-h --total"
            "|--output|--human-readable|--inodes|--all|--local|--print-type",
        ),
        "bdf",
    ),
)
def filesystems(output: str) -> list[Filesystem]:
    """Space and inodes of every mounted filesystem that can fill up.

    Pseudo filesystems, read-only images (always full by nature) and second mounts of the same
    filesystem are left out. Source: df(1) of POSIX, GNU, busybox, the BSDs, macOS, Solaris, AIX.
    """
    rows: dict[str, _Row] = {}
    layout: _Layout | None = None
    errors: dict[str, str] = {}
    for line in _whole_rows(output):
        if _Layout.HEADER.match(line):
            layout = _Layout(line)
        elif complaint := _COMPLAINT.match(line):
            errors[complaint["path"]] = complaint["why"]
        elif layout is not None:
            row = layout.read(line)
            rows.setdefault(row.mount, _Row(row.mount)).update(row)
    if layout is None and not errors:
        first = next((line for line in output.splitlines() if line.strip()), "")
        raise ProbeError("storage.filesystems", "no header of df", line=first)
    dead = [Filesystem(mount=path, error=why) for path, why in errors.items() if _DEAD.search(why)]
    return [row.fact() for row in _distinct(rows.values()) if row.can_fill] + dead


_COMPLAINT = re.compile(r"^(?:\S*/)?g?df: [‘'\"`]?(?P<path>/[^:’'\"]*)[’'\"]?: (?P<why>.+?)\s*$")
_DEAD = re.compile(
    r"stale|not connected|input/output|i/o error|host is down|timed out|no such device"
    r"|structure needs cleaning|required key|connection refused",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^(?:\S*/)?g?df: |^total\s|^File system .* not found")


def _whole_rows(output: str) -> Iterator[str]:
    """The lines, each row in one piece: old versions of df wrap after a long source."""
    wrapped = ""
    for raw in output.splitlines():
        line = raw.rstrip()
        if not line or (_NOISE.match(line) and not _COMPLAINT.match(line)):
            continue
        if wrapped:
            line, wrapped = f"{wrapped} {line.strip()}", ""
        elif len(line.split()) == 1 and not _COMPLAINT.match(line):
            wrapped = line
            continue
        yield line
    if wrapped:
        yield wrapped


@dataclass
class _Row:
    """One mount's figures, gathered from a table of space and one of inodes."""

    mount: str
    values: dict[str, str] = field(default_factory=dict)
    unit_bytes: int = 1

    def update(self, other: _Row) -> None:
        self.values.update(other.values)
        if "total" in other.values:
            self.unit_bytes = other.unit_bytes

    @property
    def source(self) -> str:
        return self.values.get("source", "")

    @property
    def fstype(self) -> str | None:
        named = self.values.get("fstype")
        return named if named not in (None, "-") else type_from_source(self.source, self.mount)

    def size(self, name: str) -> int | None:
        unit = self.unit_bytes if name in ("total", "used", "available") else 1
        value = self.values.get(name, "")
        # A quota or a filesystem in trouble can show less than nothing: that is no space.
        return (
            0 if value.startswith("-") and value != "-" else optional_size(value, unit_bytes=unit)
        )

    @property
    def can_fill(self) -> bool:
        if self.fstype in PSEUDO_TYPES or self.fstype in IMAGE_TYPES:
            return False
        if self.mount.startswith(("/proc/", "/sys/", "/Library/Developer/CoreSimulator/")):
            return False
        total, used = self.size("total"), self.size("used")
        inodes, inodes_used = self.size("itotal"), self.size("iused")
        if total and total == used and (self.source.startswith("/dev/loop") or inodes):
            # Used to the last block and inode: nothing but an image is, though none is named.
            return bool(inodes) and inodes != inodes_used
        return bool(total or inodes)

    @property
    def figures(self) -> tuple[str | None, ...]:
        return tuple(self.values.get(name) for name in ("total", "used", "available"))

    def fact(self) -> Filesystem:
        itotal, iused, ifree = (self.size(name) for name in ("itotal", "iused", "ifree"))
        if itotal is None and iused is not None and ifree is not None:
            itotal = iused + ifree
        limited = bool(itotal) and (itotal or 0) < _UNLIMITED_INODES
        return Filesystem(
            mount=self.mount,
            source=self.source or None,
            fstype=self.fstype,
            total_bytes=self.size("total"),
            used_bytes=self.size("used"),
            available_bytes=self.size("available"),
            used_percent=percent(self.values.get("percent", "")),
            inodes_total=itotal if limited else None,
            inodes_used=iused if limited else None,
            inodes_free=ifree if limited else None,
            inodes_used_percent=percent(self.values.get("ipercent", "")) if limited else None,
        )


_UNLIMITED_INODES = 2**32 - 2**16
"""HFS+ and APFS count node ids, not inodes that could run out."""


def _distinct(rows: Iterable[_Row]) -> list[_Row]:
    """Each filesystem once, under its shortest mount point.

    One device mounted twice (bind mounts, subvolumes) and the overlays of containers repeat the
    figures of what they lie on.
    """
    kept: list[_Row] = []
    for row in sorted(rows, key=lambda row: len(row.mount)):
        if not any(_same(row, other) for other in kept):
            kept.append(row)
    return kept


def _same(row: _Row, other: _Row) -> bool:
    if row.figures != other.figures or row.figures[0] is None:
        return False
    if row.source.startswith("/dev/") and row.source == other.source:
        return True
    return "overlay" in (row.fstype, other.fstype)


class _Layout:
    """What the columns of one table mean, from its header."""

    HEADER = re.compile(r"^\s*file\s?system\b.*(?:mounted|%|capacity|use)", re.IGNORECASE)
    _BLOCKS = re.compile(r"^(\d+)([kmgtpe]?)(i?b)?-(?:blocks|byte)s?$")
    _NAMES = {  # noqa: RUF012 - a constant
        "type": "fstype",
        "size": "total",
        "kbytes": "total",
        "used": "used",
        "available": "available",
        "avail": "available",
        "free": "available",
        "use%": "percent",
        "capacity": "percent",
        "%used": "percent",
        "inodes": "itotal",
        "iused": "iused",
        "ifree": "ifree",
        "iuse%": "ipercent",
        "%iused": "ipercent",
        "file": "file",
    }
    _CELLS = {  # noqa: RUF012 - a constant
        "fstype": r"[\w.+-]+",
        "percent": r"(?:\d+(?:[.,]\d+)?%?|-)",
        "ipercent": r"(?:\d+(?:[.,]\d+)?%?|-)",
        "file": r"\S+",
    }
    _NUMBER = r"(?:-?\d+(?:[.,]\d+)?[A-Za-z]{0,2}|-)"

    def __init__(self, header: str) -> None:
        self._unit_bytes = 1
        text = re.sub(r"(?i)^\s*file\s?system|mounted(?: on)?$", "", header.strip()).lower()
        text = re.sub(r"\b([gm])b blocks", r"1\1-blocks", text)
        columns = [self._column(name, header) for name in text.split()]
        if "itotal" in columns and "total" not in columns:
            columns = [_INODE_TWINS.get(name, name) for name in columns]
        cells = "".join(
            rf"\s+(?P<{name}>{self._CELLS.get(name, self._NUMBER)})" for name in columns
        )
        self._row = re.compile(rf"^\s*(?P<source>\S.*?){cells}\s+(?P<mount>\S.*)$")

    def _column(self, name: str, header: str) -> str:
        if blocks := self._BLOCKS.match(name):
            # 1M is 1024², 1MB is 1000². Source: df(1), SIZE.
            base = 1000 if blocks[3] == "b" and blocks[2] else 1024
            self._unit_bytes = int(blocks[1]) * base ** " kmgtpe".index(blocks[2] or " ")
            return "total"
        if name not in self._NAMES:
            raise ProbeError("storage.filesystems", f"unknown column {name!r}", line=header)
        return self._NAMES[name]

    def read(self, line: str) -> _Row:
        match = self._row.match(line)
        if not match:
            raise ProbeError("storage.filesystems", "not a row of df", line=line)
        values = {name: value for name, value in match.groupdict().items() if name != "mount"}
        return _Row(match["mount"], values, self._unit_bytes)


_INODE_TWINS = {"used": "iused", "available": "ifree", "percent": "ipercent"}

"""What /etc/fstab wants mounted, and whether it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import unescape


class FstabEntry(Fact):
    """One filesystem that fstab names; swap areas are left out."""

    mount: str
    source: str
    fstype: str
    automatic: bool
    """Mounted at boot: neither `noauto` nor left to an automounter."""
    optional: bool
    """`nofail`: the boot goes on without it."""
    read_only: bool
    mounted: bool | None = None
    """None where only the file was read, not what is mounted."""


@probe(
    "storage.fstab",
    level=1,
    command="""\
[ -r /etc/fstab ] || exit 127
cat /etc/fstab; echo; echo mounts:; cat /proc/mounts 2>/dev/null || mount""",
    reads=("cat /etc/fstab", "cat fstab", "less /etc/fstab", "findmnt --fstab --raw"),
)
def fstab(output: str) -> list[FstabEntry]:
    """The filesystems of /etc/fstab, and whether each is mounted. Source: fstab(5)."""
    text, known, mounts = output.partition("\nmounts:\n")
    places, sources = _mounted(mounts)
    return [
        FstabEntry(
            mount=line.mount,
            source=line.source,
            fstype=line.fstype,
            automatic=not {"noauto", "x-systemd.automount", "comment=systemd.automount"}
            & set(line.options),
            optional="nofail" in line.options,
            read_only="ro" in line.options,
            # A mount point that is a symbolic link shows up under another name.
            mounted=(line.mount in places or line.source in sources) if known else None,
        )
        for line in fstab_lines(text)
    ]


@dataclass(frozen=True)
class FstabLine:
    """One line, its escapes resolved."""

    source: str
    mount: str
    fstype: str
    options: tuple[str, ...]


def fstab_lines(text: str) -> Iterator[FstabLine]:
    """The lines of an fstab that name a filesystem with a place in the tree.

    Raises:
        ProbeError: a line has fewer than its three necessary fields.
    """
    for raw in text.splitlines():
        fields = raw.split("#", 1)[0].split() if raw.lstrip().startswith("#") else raw.split()
        if not fields or fields[:3] == ["SOURCE", "TARGET", "FSTYPE"]:
            continue
        if len(fields) < 3:
            raise ProbeError("storage.fstab", "not a line of fstab", line=raw)
        source, mount, fstype = (unescape(field) for field in fields[:3])
        if not mount.startswith("/") or fstype in ("swap", "ignore"):
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        yield FstabLine(source, mount.rstrip("/") or "/", fstype, tuple(options))


def _mounted(mounts: str) -> tuple[set[str], set[str]]:
    places, sources = set(), set()
    for line in mounts.splitlines():
        match = re.match(r"^(\S+) (?:on )?(/.*?) (?:type )?\(?[\w.]+[, ]", line)
        if match:
            places.add(unescape(match[2]))
            if match[1].startswith("/dev/"):
                sources.add(unescape(match[1]))
    return places, sources

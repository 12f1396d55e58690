"""What is mounted where, and whether it can be written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_fstab import fstab_lines
from sme_tools.probes.storage_kinds import Kind, is_read_only_by_design, kind_of
from sme_tools.probes.storage_reading import unescape, with_options


class Mount(Fact):
    """A mounted filesystem; the kernel's own (proc, sysfs, cgroup …) are left out."""

    mount: str
    source: str
    fstype: str
    kind: Kind
    """data: on a disk; memory: tmpfs; image: squashfs, iso9660, loop devices."""
    read_only: bool
    superblock_read_only: bool | None = None
    """Whether the whole filesystem is, not only this mount of it. None where not told."""
    declared_read_only: bool | None = None
    """What /etc/fstab wants; None where it does not name this mount."""
    read_only_by_design: bool | None = None
    """Of a read-only one: whether such a filesystem at such a place is meant to be."""
    remounts_read_only_on_error: bool
    """Mounted with errors=remount-ro: read-only is then what an error left behind."""
    options: tuple[str, ...]


@probe(
    "storage.mounts",
    level=1,
    command="""\
cat /proc/self/mountinfo 2>/dev/null || cat /proc/mounts 2>/dev/null || mount
echo; echo fstab:; cat /etc/fstab 2>/dev/null; :""",
    reads=(
        *with_options(
            "mount",
            "|-l|-v|-p",
        ),
        *with_options(
            "cat",
            "/proc/mounts|/proc/self/mounts|/etc/mtab|/proc/self/mountinfo|/proc/1/mountinfo",
        ),
        *with_options(
            "findmnt",
            "|-a|-A|-l|-J|--json|-lo+PROPAGATION|-o TARGET,SOURCE,FSTYPE,OPTIONS|--real|-r",
        ),
    ),
)
def mounts(output: str) -> list[Mount]:
    """Every mounted filesystem that is not the kernel's own, and whether it can be written.

    Source: proc_pid_mountinfo(5), mount(8) of Linux, the BSDs, macOS and AIX, findmnt(8).
    """
    text, _, fstab = output.partition("\nfstab:\n")
    declared = {line.mount: "ro" in line.options for line in fstab_lines(fstab)}
    found: dict[str, Mount] = {}
    for raw in _entries(text):
        found.pop(raw.mount, None)  # a later mount hides an earlier one at the same place
        kind = kind_of(raw.fstype, raw.source, raw.mount)
        if kind == "pseudo":
            continue
        options = (*raw.options, *(o for o in raw.super_options if o not in raw.options))
        read_only = bool({"ro", "read-only", "emergency_ro"}.intersection(options))
        found[raw.mount] = Mount(
            mount=raw.mount,
            source=raw.source,
            fstype=raw.fstype,
            kind=kind,
            read_only=read_only,
            superblock_read_only="ro" in raw.super_options if raw.super_options else None,
            declared_read_only=declared.get(raw.mount),
            read_only_by_design=(
                is_read_only_by_design(kind, raw.fstype, raw.source, raw.mount, options)
                if read_only
                else None
            ),
            remounts_read_only_on_error="errors=remount-ro" in options,
            options=options,
        )
    return list(found.values())


class _Entry:
    def __init__(self, fields: dict[str, str]) -> None:
        self.source = unescape(fields["source"])
        self.mount = unescape(fields["mount"])
        options = _split(fields["options"])
        # The BSDs put the type first among the options.
        self.fstype = fields.get("fstype") or options.pop(0)
        self.options = options
        self.super_options = _split(fields.get("super") or "")


def _split(options: str) -> list[str]:
    """Options at their commas, but not at those within quotes: `context="a:c1,c2"`."""
    words = re.findall(r'(?:[^,"]|"[^"]*"?)+', options)
    return [word.strip() for word in words if word.strip()]


_FORMS = tuple(
    re.compile(form)
    for form in (
        # mountinfo: 36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw
        r"^\d+ \d+ \d+:\d+ \S+ (?P<mount>/\S*) (?P<options>\S+)(?: \S+)*? - "
        r"(?P<fstype>\S+) (?P<source>\S+) (?P<super>\S+)$",
        # Linux mount: /dev/sda1 on /boot type ext4 (rw,relatime) [label]
        r"^(?P<source>.+?) on (?P<mount>/.*) type (?P<fstype>\S+) \((?P<options>.*)\)(?: \[.*\])?$",
        # BSD, macOS: /dev/disk1s1 on / (apfs, local, journaled)
        r"^(?P<source>.+?) on (?P<mount>/.*) \((?P<options>[^()]+)\)$",
        # /proc/mounts: /dev/sda1 /boot ext4 rw,relatime 0 0
        r"^(?P<source>\S+) (?P<mount>/.*) (?P<fstype>\S+) (?P<options>\S+) \d+ \d+$",
        # mount -p of FreeBSD, tabs between
        r"^(?P<source>\S+)\s+(?P<mount>/\S*)\s+(?P<fstype>\S+)\s+(?P<options>\S+)\s+\d+\s+\d+$",
        # AIX: node, source, mount, type, date, options
        r"^(?:\S+)?\s+(?P<source>\S+)\s+(?P<mount>/\S*)\s+(?P<fstype>\S+)\s+"
        r"[A-Z][a-z]{2} \d\d \d\d:\d\d ?(?P<options>\S*)\s*$",
    )
)
_AIX_HEADER = re.compile(r"^\s+node\s+mounted\s+mounted over|^-{4,}[ -]*$")


def _entries(text: str) -> Iterator[_Entry]:
    if text.lstrip().startswith("{"):
        yield from _findmnt_json(text)
        return
    lines = text.splitlines()
    if any(re.match(r"^\s*TARGET\s+SOURCE\s+FSTYPE\s+OPTIONS", line) for line in lines[:3]):
        yield from _findmnt(lines)
        return
    for line in lines:
        if not line.strip() or _AIX_HEADER.match(line):
            continue
        match = next((m for form in _FORMS if (m := form.match(line.rstrip()))), None)
        if match is None:
            raise ProbeError("storage.mounts", "not a mount", line=line)
        yield _Entry({name: value or "" for name, value in match.groupdict().items()})


def _findmnt(lines: list[str]) -> Iterator[_Entry]:
    columns: list[str] = []
    for line in lines:
        if not columns:
            if "TARGET" in line:
                columns = line.split()
            continue
        cells = re.sub(r"^[\s│├└─|`-]*", "", line).split()
        if not cells:
            continue
        # Only the target may hold blanks, so it is what the other columns leave.
        target, rest = cells[: len(cells) - len(columns) + 1], cells[1 - len(columns) :]
        if not target or not target[0].startswith("/"):
            raise ProbeError("storage.mounts", "not a row of findmnt", line=line)
        yield _Entry(
            {
                "mount": " ".join(target),
                "source": rest[0],
                "fstype": rest[1],
                "options": rest[2],
            }
        )


def _findmnt_json(text: str) -> Iterator[_Entry]:
    def walk(nodes: list[dict[str, Any]]) -> Iterator[_Entry]:
        for node in nodes:
            yield _Entry(
                {
                    "mount": node["target"],
                    "source": node.get("source") or "none",
                    "fstype": node["fstype"],
                    "options": node["options"],
                }
            )
            yield from walk(node.get("children", []))

    yield from walk(json.loads(text)["filesystems"])

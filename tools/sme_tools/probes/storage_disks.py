"""Block devices: disks, partitions, and what lies on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import Columns, named_values, optional_size, with_options


class BlockDevice(Fact):
    """A disk, a partition, or a device made of others (LVM, RAID, encryption, multipath)."""

    name: str
    type: str | None = None
    """disk, part, lvm, raid1, crypt, loop, rom, mpath"""
    size_bytes: int | None = None
    read_only: bool | None = None
    removable: bool | None = None
    fstype: str | None = None
    mounts: tuple[str, ...]
    model: str | None = None
    state: str | None = None
    """running, live, suspended, offline, blocked, transport-offline"""
    parents: tuple[str, ...]


@probe(
    "storage.block_devices",
    level=1,
    tool="lsblk",
    command="""\
lsblk -J -b -o NAME,TYPE,SIZE,RO,RM,FSTYPE,MOUNTPOINT,MODEL,STATE 2>/dev/null \\
  || lsblk -P -b -o NAME,TYPE,SIZE,RO,RM,FSTYPE,MOUNTPOINT,MODEL,STATE 2>/dev/null || lsblk -b""",
    ok_exit_codes=(0, 32, 64),
    reads=(
        *with_options(
            "lsblk",
            "|-a|-b|-f|-J|-P|-p|-l|-i|-m|-O|-d|-s|-t|-S|-fa|-af|-fs|-fp|-pf|-ab|-JO|-J -O"
            "|--json|--all|--fs|-P -o|--pairs|-J -b|-e 7|-e7|-o NAME,SIZE,TYPE,MOUNTPOINT"
            "|-o +FSTYPE|-o NAME,SIZE,FSTYPE,TYPE,MOUNTPOINT|-o NAME,FSTYPE,SIZE,MOUNTPOINT"
            "|-Jb|-o NAME,SIZE,FSTYPE,MOUNTPOINT|-o name,size,type,mountpoint|-n"
            "|-o NAME,SIZE,TYPE,FSTYPE,MOUNTPOINT|-o NAME,MODEL,SERIAL,SIZE,STATE",
        ),
        *with_options(
            "blkid",
            "|/dev/sda1|/dev/sda2|-c /dev/null",
        ),
    ),
)
def block_devices(output: str) -> list[BlockDevice]:
    """Disks, partitions and devices made of them. Source: lsblk(8), blkid(8)."""
    found: dict[str, dict[str, Any]] = {}
    for row in _rows(output):
        if not row.get("name"):
            continue
        known = found.setdefault(row["name"], row | {"parents": [], "mounts": []})
        known["mounts"] += [mount for mount in _mounts(row) if mount not in known["mounts"]]
        if (parent := row.get("parent")) and parent not in known["parents"]:
            known["parents"].append(parent)
    if not found and output.strip():
        raise ProbeError(
            "storage.block_devices", "no table of lsblk", line=output.strip().split("\n")[0]
        )
    return [_device(row) for row in found.values()]


def _rows(output: str) -> Iterator[dict[str, Any]]:
    """Rows with lower-case column names and `parent`, from any of lsblk's forms, or blkid's."""
    if output.lstrip().startswith("{"):
        yield from _walk(json.loads(output)["blockdevices"], None)
    elif re.search(r'^/dev/\S+: \w+="', output, re.MULTILINE):
        for line in output.splitlines():
            name, _, rest = line.partition(": ")
            if rest:
                yield {"name": name, "fstype": named_values(rest).get("TYPE")}
    elif re.search(r'^\S+="[^"]*"( |$)', output, re.MULTILINE):
        for line in output.splitlines():
            if values := named_values(line):
                yield {name.lower(): value for name, value in values.items()}
    else:
        yield from _table(output.splitlines())


def _walk(nodes: list[dict[str, Any]], parent: str | None) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield node | {"parent": parent}
        yield from _walk(node.get("children", []), node["name"])


_TREE = re.compile(r"^[\s│├└─|`-]*")
_PLAIN_HEADER = ["NAME", "MAJ:MIN", "RM", "SIZE", "RO", "TYPE"]
_PLAIN_ROW = re.compile(
    r"^(?P<name>\S+)(?: \(dm-\d+\))?\s+\d+:\d+\s+(?P<rm>[01])\s+(?P<size>\S+)\s+(?P<ro>[01])\s+"
    r"(?P<type>\S+)\s*(?P<mountpoint>\S.*)?$"
)


def _table(lines: list[str]) -> Iterator[dict[str, Any]]:
    columns: Columns | None = None
    above: list[tuple[int, str]] = []
    for line in lines:
        if re.match(r"^NAME\s", line):
            columns, above = Columns(line), []
        elif columns is not None and line.strip() and not line.startswith("lsblk:"):
            depth = len(_TREE.match(line).group())  # type: ignore[union-attr]  # matches always
            row = _table_row(columns, line, depth)
            if "name" not in row:
                # A device with several mounts has the others on lines of their own.
                yield row | {"name": above[-1][1]}
                continue
            above = [entry for entry in above if entry[0] < depth]
            yield row | {"parent": above[-1][1] if above else None}
            above.append((depth, row["name"]))


def _table_row(columns: Columns, line: str, depth: int) -> dict[str, Any]:
    if columns.names[:6] == _PLAIN_HEADER and len(columns.names) <= 7:
        if re.match(r"^(/|\[SWAP\])\S*\s*$", line[depth:]):
            return {"mountpoint": line.strip()}
        plain = _PLAIN_ROW.match(line[depth:].rstrip())
        if not plain:
            raise ProbeError("storage.block_devices", "not a device", line=line)
        return plain.groupdict()
    cells = columns.cells(" " * depth + line[depth:])
    name = cells.pop(columns.names[0], "").split(" ")[0]
    row: dict[str, Any] = {key.lower(): value for key, value in cells.items()}
    if set(row) <= {"mountpoint", "mountpoints"} and not name:
        return row
    return row | {"name": name or line[depth:].split()[0]}


def _device(row: dict[str, Any]) -> BlockDevice:
    return BlockDevice(
        name=row["name"],
        type=row.get("type") or None,
        size_bytes=optional_size(str(row.get("size", ""))),
        read_only=_flag(row.get("ro")),
        removable=_flag(row.get("rm")),
        fstype=row.get("fstype") or None,
        mounts=tuple(row["mounts"]),
        model=(row.get("model") or "").strip() or None,
        state=row.get("state") or None,
        parents=tuple(row["parents"]),
    )


def _flag(value: Any) -> bool | None:  # noqa: ANN401 - true, 1, "1" by version
    return None if value in (None, "") else str(value) in ("1", "True", "true")


def _mounts(row: dict[str, Any]) -> list[str]:
    """The places where a device is mounted; JSON has a list, with null for none."""
    mounts = row.get("mountpoints") or row.get("mountpoint")
    return (
        [mount for mount in mounts if mount]
        if isinstance(mounts, list)
        else [mounts]
        if mounts
        else []
    )

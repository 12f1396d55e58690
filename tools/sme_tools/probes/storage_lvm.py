"""LVM: volume groups, physical volumes that are missing, and thin pools that run full."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import (
    Columns,
    json_documents,
    named_values,
    optional_size,
    percent,
    with_options,
)


class VolumeGroup(Fact):
    """One volume group."""

    name: str
    size_bytes: int | None = None
    free_bytes: int | None = None
    partial: bool
    """A physical volume is missing."""
    exported: bool
    logical_volumes: int | None = None
    physical_volumes: int | None = None
    missing_physical_volumes: int | None = None


class LogicalVolume(Fact):
    """One logical volume."""

    name: str
    """GROUP/VOLUME"""
    kind: str
    """plain, thin-pool, thin, snapshot, raid, mirror, cache, virtual, internal"""
    size_bytes: int | None = None
    pool: str | None = None
    data_percent: float | None = None
    """How full: of thin pools and snapshots (of thin volumes, how much is allocated)."""
    metadata_percent: float | None = None
    sync_percent: float | None = None
    active: bool | None = None
    problem: str | None = None
    """What LVM's attributes say is wrong: `out of data space`, `invalid snapshot`, `partial`."""


class PhysicalVolume(Fact):
    """One disk or partition given to LVM."""

    name: str
    group: str | None = None
    size_bytes: int | None = None
    free_bytes: int | None = None
    missing: bool


class Lvm(Fact):
    """What LVM knows; a part that the command did not print is left out."""

    volume_groups: tuple[VolumeGroup, ...] | None = None
    logical_volumes: tuple[LogicalVolume, ...] | None = None
    physical_volumes: tuple[PhysicalVolume, ...] | None = None
    warnings: tuple[str, ...] = ()
    """Of missing or duplicate devices and damaged metadata."""


# --nameprefixes is older than --reportformat json and names its columns just as well.
_FORM = "--units b --nosuffix --noheadings --nameprefixes"
_PERCENTS = "data_percent,metadata_percent,copy_percent"


@probe(
    "storage.lvm",
    level=1,
    tool="vgs",
    needs_root=True,
    command=f"""\
[ "$(id -u)" = 0 ] || exit 77
vgs {_FORM} -o vg_name,vg_attr,vg_size,vg_free,pv_count,lv_count 2>&1
lvs {_FORM} -o vg_name,lv_name,lv_attr,lv_size,pool_lv,{_PERCENTS} 2>&1
pvs {_FORM} -o pv_name,vg_name,pv_attr,pv_size,pv_free 2>&1""",
    ok_exit_codes=(0, 5),
    reads=(
        *with_options(
            "vgs",
            "|-v|-a|-o all|--units b|--units g|-o +vg_missing_pv_count|--noheadings"
            "|--nameprefixes|--reportformat json",
        ),
        *with_options(
            "pvs",
            "|-a|-v|-a -v|-av|-o all|--units b|-o +pv_used|-o+pv_used|--units g"
            "|--nameprefixes|--reportformat json",
        ),
        *with_options(
            "lvs",
            "|-a|-v|-a -o +devices|-a -o+devices|-ao +devices|-o +devices"
            "|-a -o +seg_monitor|--units b|--units g|-o all|--nameprefixes|-a -v|-av"
            "|-a -o name,data_percent|--reportformat json|-a --reportformat json",
        ),
        *with_options(
            "lvm",
            "fullreport --reportformat json|vgs|lvs|pvs|fullreport --reportformat json -a",
        ),
    ),
)
def lvm(output: str) -> Lvm:
    """Volume groups, logical and physical volumes. Source: vgs(8), lvs(8), pvs(8), lvmreport(7)."""
    rows = list(_rows(output))
    seen = output.strip()
    if (
        not rows
        and seen
        and not re.search(r"^\s*(VG|LV|PV)\s|\"report\"|WARNING|descriptor", output, re.M)
    ):
        raise ProbeError("storage.lvm", "no report of LVM", line=seen.split("\n")[0])
    groups = [_group(row) for row in rows if _is_group(row)]
    volumes = [_volume(row) for row in rows if row.get("lv_name")]
    disks = [_disk(row) for row in rows if row.get("pv_name") and row.get("pv_attr", "").strip("-")]
    return Lvm(
        volume_groups=tuple(groups) or None,
        logical_volumes=tuple(volumes) or None,
        physical_volumes=tuple(dict.fromkeys(disks)) or None,
        warnings=tuple(dict.fromkeys(_WARNING.findall(output))),
    )


_WARNING = re.compile(
    r"^\s*(?:WARNING: )?((?:Couldn't find device|Device for PV|VG \S+ is missing PV"
    r"|Not using device|Found duplicate PV|PV \S+ has duplicate|Inconsistent metadata"
    r"|Volume Group .* is not consistent|.* I/O error|Error reading device"
    r"|Remaining free space in metadata|Thin pool .* (?:full|needs)).*?)\s*$",
    re.MULTILINE,
)

_HEADINGS = {
    "VG": "vg_name",
    "LV": "lv_name",
    "PV": "pv_name",
    "VSize": "vg_size",
    "VFree": "vg_free",
    "#PV": "pv_count",
    "#LV": "lv_count",
    "LSize": "lv_size",
    "Pool": "pool_lv",
    "Data%": "data_percent",
    "Meta%": "metadata_percent",
    "Cpy%Sync": "copy_percent",
    "Copy%": "copy_percent",
    "Snap%": "data_percent",
    "PSize": "pv_size",
    "PFree": "pv_free",
}
_ATTR = {"VG": "vg_attr", "LV": "lv_attr", "PV": "pv_attr"}


def _rows(output: str) -> Iterator[dict[str, str]]:
    """One dict a row, by the field names of lvmreport(7), whatever form the report has."""
    if '"report"' in output:
        yield from _json_rows(output)
        return
    columns: Columns | None = None
    for line in output.splitlines():
        if "LVM2_" in line:
            pairs = named_values(line)
            yield {
                name.removeprefix("LVM2_").lower(): value.strip() for name, value in pairs.items()
            }
        elif re.match(r"^\s*(VG|LV|PV)\s+\S", line) and "Attr" in line:
            columns = Columns(line)
        elif columns is not None and not _CHATTER.search(line):
            cells = columns.cells(line)
            attr = cells.get("Attr", "")
            if re.fullmatch(r"[\w-]{2,10}", attr) and columns.names[0] in cells:
                named = {_HEADINGS.get(name, name): value for name, value in cells.items()}
                yield named | {_ATTR[columns.names[0]]: attr}


_CHATTER = re.compile(
    r"WARNING|: |^\s*(Reloading|Wiping|Scanning|Archiving|Creating|File descriptor)"
)


def _json_rows(output: str) -> Iterator[dict[str, str]]:
    # With stderr in the same stream, warnings stand between the lines of the document.
    text = re.sub(
        r"^\s*(?:WARNING|File descriptor|Couldn't|Device for|/dev/).*$", "", output, flags=re.M
    )
    for document in json_documents(text):
        for report in document["report"]:
            group = next((row.get("vg_name", "") for row in report.get("vg", [])), "")
            for kind in ("vg", "lv", "pv"):
                for row in report.get(kind, []):
                    yield {"vg_name": group} | row if group else row


def _is_group(row: dict[str, str]) -> bool:
    return bool(row.get("vg_name")) and "vg_attr" in row and not row.get("lv_name")


def _group(row: dict[str, str]) -> VolumeGroup:
    attr = row["vg_attr"].ljust(6, "-")
    missing = row.get("vg_missing_pv_count", "")
    return VolumeGroup(
        name=row["vg_name"],
        size_bytes=optional_size(row.get("vg_size", "")),
        free_bytes=optional_size(row.get("vg_free", "")),
        partial=attr[3] == "p" or missing not in ("", "0"),
        exported=attr[2] == "x",
        logical_volumes=_count(row, "lv_count"),
        physical_volumes=_count(row, "pv_count"),
        missing_physical_volumes=_count(row, "vg_missing_pv_count"),
    )


_KINDS = {
    "t": "thin-pool",
    "V": "thin",
    "s": "snapshot",
    "S": "snapshot",
    "r": "raid",
    "R": "raid",
    "m": "mirror",
    "M": "mirror",
    "C": "cache",
    "v": "virtual",
    "-": "plain",
    "o": "plain",
    "O": "plain",
}
_STATES = {
    "I": "invalid snapshot",
    "S": "invalid snapshot",
    "m": "snapshot merge failed",
    "M": "snapshot merge failed",
    "s": "suspended",
    "d": "mapped device without a table",
    "c": "thin pool needs thin_check",
    "C": "thin pool needs thin_check",
}
_HEALTH = {
    "p": "partial: a physical volume is missing",
    "r": "a device failed and needs a refresh",
    "m": "mismatches between its copies",
    "F": "failed",
    "D": "out of data space",
    "M": "metadata read-only",
    "E": "error",
}


def _volume(row: dict[str, str]) -> LogicalVolume:
    attr = row.get("lv_attr", "").ljust(10, "-")
    return LogicalVolume(
        name="/".join(
            part.strip("[]") for part in (row.get("vg_name", ""), row["lv_name"]) if part
        ),
        kind=_KINDS.get(attr[0], "internal"),
        size_bytes=optional_size(row.get("lv_size", "")),
        pool=row.get("pool_lv") or None,
        data_percent=_figure(row, "data_percent"),
        metadata_percent=_figure(row, "metadata_percent"),
        sync_percent=_figure(row, "copy_percent") or _figure(row, "sync_percent"),
        active=attr[4] in "aAsS" if "lv_attr" in row else None,
        problem=_HEALTH.get(attr[8]) or _STATES.get(attr[4]),
    )


def _disk(row: dict[str, str]) -> PhysicalVolume:
    name = row["pv_name"]
    return PhysicalVolume(
        name=name,
        group=row.get("vg_name") or None,
        size_bytes=optional_size(row.get("pv_size", "")),
        free_bytes=optional_size(row.get("pv_free", "")),
        missing="unknown" in name.lower() or row["pv_attr"].ljust(3, "-")[2] == "m",
    )


def _count(row: dict[str, str], name: str) -> int | None:
    value = row.get(name, "")
    return int(value) if value.isdigit() else None


def _figure(row: dict[str, str], name: str) -> float | None:
    value = row.get(name, "").strip()
    return percent(value) if re.fullmatch(r"\d+(?:[.,]\d+)?%?", value) else None

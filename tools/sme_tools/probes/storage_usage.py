"""What fills a full filesystem: large directories, and deleted files that are still open."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import size_bytes, with_options


class DirectorySize(Fact):
    """One directory with all that is below it on the same filesystem."""

    path: str
    size_bytes: int


@probe(
    "storage.largest_directories",
    level=2,
    needs_root=True,
    timeout_s=30,
    # Only filesystems that are 80 % full are looked through, each for at most eight seconds; what
    # du has summed up by then is printed. A listing without timeout(1) is bounded by the probe's.
    command=r"""
if command -v timeout >/dev/null 2>&1; then limit='timeout 8'; else limit=; fi
{ df -P -k -l 2>/dev/null || df -P -k; } | awk '
  NR > 1 && $5 + 0 >= 80 && $1 !~ /^(devfs|devtmpfs|udev|map|efivarfs)$|loop/ \
    && $6 !~ /^\/(snap|dev|sys|proc)(\/|$)/ {
    path = $6; for (n = 7; n <= NF; n++) path = path " " $n; print path }' |
while read -r mount; do
  nice $limit du -x -k -d 3 "$mount" 2>/dev/null | sort -rn | head -n 15
done
""",
    reads=with_options(
        "du",
        "|-k|-h|-sh|-sk|-sh *|-sk *|-sm *|-ah|-a|-h --max-depth=1|-h --max-depth=2"
        "|-h -d 1|-d 1 -h|-hd1|-hd 1|-xh --max-depth=1|-xh -d 1|-xk|-hs|-hs *"
        "|-hx --max-depth=1|-h --max-depth=1 /|-sh /*|-sh /var/*|-xh -d1 /|-h -d 1 /",
    ),
)
def largest_directories(output: str) -> list[DirectorySize]:
    """The largest directories of each nearly full filesystem, the largest first. Source: du(1)."""
    found: dict[str, int] = {}
    for line in output.splitlines():
        if not line.strip() or re.match(r"^(\S*/)?du: ", line):
            continue
        match = re.match(r"^\s*(\d+(?:[.,]\d+)?[BKMGTP]?i?)\s+(\S.*)$", line)
        if not match:
            raise ProbeError("storage.largest_directories", "not a size and a path", line=line)
        found[match[2]] = size_bytes(match[1], unit_bytes=1024)
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return [DirectorySize(path=path, size_bytes=size) for path, size in ordered[:40]]


class DeletedFile(Fact):
    """A file that was deleted while a process has it open: its space is not free yet."""

    path: str
    size_bytes: int
    pid: int
    process: str


@probe(
    "storage.deleted_files",
    level=2,
    tool="find",
    needs_root=True,
    timeout_s=15,
    command=r"""
[ -d /proc/self/fd ] || exit 127
find -L /proc/[0-9]*/fd -maxdepth 1 -type f -links 0 -size +20480k 2>/dev/null |
while read -r fd; do
  size=$(stat -L -c %s "$fd" 2>/dev/null) || continue
  pid=${fd#/proc/}; pid=${pid%%/*}
  name=$(cat "/proc/$pid/comm" 2>/dev/null)
  printf '%s\t%s\t%s\t%s\n' "$size" "$pid" "$name" "$(readlink "$fd")"
done
:
""",
)
def deleted_files(output: str) -> list[DeletedFile]:
    """Deleted files of more than 20 MiB that a process still holds open. Source: proc_pid_fd(5)."""
    found: dict[tuple[str, int, int], DeletedFile] = {}
    for line in output.splitlines():
        if not line.strip():
            continue
        fields = line.split("\t", 3)
        if len(fields) != 4:
            raise ProbeError("storage.deleted_files", "not size, pid, process, path", line=line)
        path = fields[3].removesuffix(" (deleted)")
        # Shared memory and memfds live in memory, not on a disk.
        if re.match(r"/(memfd:|dev/shm/|SYSV|dev/zero|i915|\[)", path):
            continue
        size, pid = int(fields[0]), int(fields[1])
        found[path, pid, size] = DeletedFile(path=path, size_bytes=size, pid=pid, process=fields[2])
    return sorted(found.values(), key=lambda file: -file.size_bytes)

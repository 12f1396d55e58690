"""Network filesystems, asked one by one so that a dead server costs only itself."""

from __future__ import annotations

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import optional_size, percent, unescape


class NetworkMount(Fact):
    """One NFS, SMB, Ceph, Gluster or sshfs mount."""

    mount: str
    source: str
    fstype: str
    answers: bool
    """Whether its server answered within three seconds."""
    error: str | None = None
    total_bytes: int | None = None
    used_bytes: int | None = None
    available_bytes: int | None = None
    used_percent: float | None = None


_COMMAND = r"""
[ -r /proc/mounts ] || exit 127
grep -Eq '^[^ ]+ [^ ]+ (nfs4?|cifs|smb3|ceph|9p|glusterfs|lustre|beegfs|fuse\.(sshfs|glusterfs|rclone|ceph|s3fs|davfs2?)) ' /proc/mounts || exit 0
command -v timeout >/dev/null 2>&1 || exit 127
while read -r source mount fstype rest; do
  case $fstype in
  nfs|nfs4|cifs|smb3|ceph|9p|glusterfs|lustre|beegfs|fuse.sshfs|fuse.glusterfs|fuse.rclone|fuse.ceph|fuse.s3fs|fuse.davfs*) ;;
  *) continue ;;
  esac
  (
    path=$(printf '%b' "$(printf '%s' "$mount" | sed 's/\\/\\0/g')")
    figures=$(timeout -s KILL 3 df -P -k -- "$path" 2>&1); code=$?
    printf '%s\t%s\t%s\t%s\t%s\n' "$source" "$mount" "$fstype" $code \
      "$(printf '%s\n' "$figures" | tail -n 1)"
  ) &
done </proc/mounts
wait
"""  # noqa: E501 - one list of types, twice


@probe("storage.network_mounts", level=1, command=_COMMAND)
def network_mounts(output: str) -> list[NetworkMount]:
    """Every network filesystem, whether its server answers, and its space."""
    return [_mount(line) for line in output.splitlines() if line.strip()]


_KILLED = (124, 137)


def _mount(line: str) -> NetworkMount:
    fields = line.split("\t")
    if len(fields) != 5 or not fields[3].isdigit():
        raise ProbeError("storage.network_mounts", "not a mount with its figures", line=line)
    source, mount, fstype, code, last = (unescape(field) for field in fields)
    figures = last.split()
    at = next((n for n, word in enumerate(figures) if word.endswith("%")), None)
    answered = code == "0" and at is not None and at >= 4
    error = None
    if not answered:
        error = "no answer in 3 s" if int(code) in _KILLED else last.rsplit(": ", 1)[-1] or None
    total, used, available = figures[at - 3 : at] if answered and at else ("", "", "")
    return NetworkMount(
        mount=mount,
        source=source,
        fstype=fstype,
        answers=answered or (error or "").lower() == "permission denied",
        error=error,
        total_bytes=optional_size(total, unit_bytes=1024),
        used_bytes=optional_size(used, unit_bytes=1024),
        available_bytes=optional_size(available, unit_bytes=1024),
        used_percent=percent(figures[at]) if answered and at else None,
    )

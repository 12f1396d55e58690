"""What the kernel has only so much of: open files, tasks, inotify instances."""

from __future__ import annotations

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import key_values, percent


class Limits(Fact):
    """Kernel-wide limits and how much of them is in use."""

    open_files: int | None
    open_files_max: int | None
    open_files_used_percent: float | None
    tasks: int | None
    """Processes and threads."""
    tasks_max: int | None
    """The smaller of kernel.pid_max and kernel.threads-max."""
    tasks_used_percent: float | None
    inotify_instances_max: int | None
    """For each user."""
    inotify_watches_max: int | None
    """For each user."""


@probe(
    "system.limits",
    level=1,
    command="""cd /proc/sys 2>/dev/null ||
{ sysctl kern.openfiles kern.maxfiles kern.num_files; exit; }
grep . fs/file-nr kernel/pid_max kernel/threads-max fs/inotify/max_user_instances \\
  fs/inotify/max_user_watches ../loadavg 2>/dev/null
:""",
    reads=("cat /proc/sys/fs/file-nr", "sysctl fs.file-nr"),
)
def limits(output: str) -> Limits:
    """Open files and tasks against the kernel's limits. Source: proc_sys_fs(5)."""
    lines = output.replace("fs.file-nr =", "fs/file-nr:").splitlines()
    if len(lines) == 1 and len(lines[0].split()) == 3:
        lines = [f"fs/file-nr: {lines[0]}"]
    found = key_values(lines, ":")
    files, files_max = _files(found)
    loads = found.get("../loadavg", "").split()
    tasks = int(loads[3].partition("/")[2]) if len(loads) > 3 else None
    most = [int(found[key]) for key in ("kernel/pid_max", "kernel/threads-max") if key in found]
    if files is None and tasks is None:
        raise ProbeError("system.limits", line=output[:120])
    instances, watches = (
        found.get(f"fs/inotify/max_user_{kind}") for kind in ("instances", "watches")
    )
    return Limits(
        open_files=files,
        open_files_max=files_max,
        open_files_used_percent=percent(files, files_max) if files and files_max else None,
        tasks=tasks,
        tasks_max=min(most) if most else None,
        tasks_used_percent=percent(tasks, min(most)) if tasks and most else None,
        inotify_instances_max=int(instances) if instances else None,
        inotify_watches_max=int(watches) if watches else None,
    )


def _files(found: dict[str, str]) -> tuple[int | None, int | None]:
    if "fs/file-nr" in found:
        opened, unused, most = (int(word) for word in found["fs/file-nr"].split())
        return opened - unused, most
    opened_bsd = found.get("kern.openfiles") or found.get("kern.num_files")
    most_bsd = found.get("kern.maxfiles")
    return int(opened_bsd) if opened_bsd else None, int(most_bsd) if most_bsd else None


class InotifyUser(Fact):
    """How many inotify instances the processes of one user hold."""

    uid: int
    instances: int
    instances_max: int
    used_percent: float


@probe(
    "system.inotify",
    level=3,
    needs_root=True,
    command="""[ -r /proc/sys/fs/inotify/max_user_instances ] || exit 127
[ "$(id -u)" = 0 ] || exit 77
cat /proc/sys/fs/inotify/max_user_instances
ls -ln /proc/[0-9]*/fd 2>/dev/null |
  awk '$NF ~ /inotify/ { held[$3]++ } END { for (user in held) print user, held[user] }'""",
)
def inotify(output: str) -> list[InotifyUser]:
    """inotify instances by user; without one, a file watcher fails. Source: inotify(7)."""
    first, *rows = output.splitlines()
    most = int(first)
    return sorted(
        (
            InotifyUser(
                uid=int(uid),
                instances=int(held),
                instances_max=most,
                used_percent=percent(int(held), most),
            )
            for uid, held in (row.split() for row in rows)
        ),
        key=lambda user: user.uid,
    )

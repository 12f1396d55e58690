"""The table of processes: what takes processor and memory, what is dead, what is stuck."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import clock_s, size_bytes

SHOWN = 10
"""How many processes a list of the largest ones holds."""

COMMAND_CHARS = 200
"""How much of a command line is kept."""

_BATCH = re.compile(
    r"(qemu\S*|kvm|vmx|firecracker|cloud-hypervis\w*|VBoxHeadless|bhyve|com\.docker\S*"
    r"|cc1(plus|obj)?|gcc\S*|g\+\+\S*|clang\S*|rustc|ld(\.\S+)?|lld|collect2|lto\S*|as|go|compile"
    r"|javac|ghc|swiftc?|tsc|esbuild|make|ninja|bazel"
    r"|gzip|pigz|bzip2|pbzip2|xz|lzma|zstd|lz4|7z\w*|tar|rsync|restic|borg\S*|duplicity|vzdump|rclone"
    r"|ffmpeg|HandBrake\w*|x264|x265|Plex\s.*|jellyfin-ffmpeg\w*|gpg|openssl|(sha|md|b2)\w*sum|mksquashfs"
    r"|apt\S*|dpkg\S*|dnf|yum|rpm|pacman|apk|zypper|unattended-upgr\w*|updatedb\S*|mandb"
    r"|fsck\S*|e2fsck|xfs_\w+|btrfs|md\d+_(resync|raid\d+)|fio|stress-ng\S*|boinc\S*|xmrig)\Z"
)


def is_batch(name: str) -> bool:
    """Whether a program's job is to use processors: compiler, encoder, archiver, hypervisor."""
    return bool(_BATCH.match(name))


def program_name(command: str) -> str:
    """`/usr/sbin/nginx -g x` and `nginx: worker` are `nginx`, `[kworker/0:2]` is `kworker`."""
    if command.startswith("["):
        return command[1:].partition("]")[0].partition("/")[0]
    first = (command.split() or [""])[0].rstrip(":").strip("()")
    if re.match(r"(k\w+|migration|watchdog|cpuhp|idle_inject|rcu\w*|scsi\w*)/\S", first):
        return first.partition("/")[0]  # a thread of the kernel, as top(1) shows it
    return first.rpartition("/")[2].lstrip("-") or first


class Process(Fact):
    """One process."""

    pid: int
    parent_pid: int | None
    user: str | None
    name: str
    """The program, without path and arguments."""
    command: str
    """The command line, cut after 200 characters."""
    state: str | None
    """First letter of ps's STAT: R, S, D, Z, T, I; on BSD also U and others."""
    kernel: bool
    """A thread of the kernel."""
    batch: bool
    """A program whose job is to use processors: compiler, encoder, archiver, virtual machine."""
    cpu_percent: float | None
    """Of one processor: averaged over its life on Linux, over about a minute on BSD and macOS."""
    cpu_time_s: float | None
    memory_percent: float | None
    resident_bytes: int | None
    age_s: float | None


class ProcessTable(Fact):
    """All processes, and the ones that stand out."""

    count: int
    kernel_threads: int
    running: int | None
    by_cpu: list[Process]
    """The ten that take most processor time, the largest first."""
    by_memory: list[Process]
    zombies: list[Process]
    """Dead, but not yet asked for their exit code by their parent."""
    uninterruptible: list[Process]
    """Waiting in the kernel for disk or network storage at this moment; kernel threads left out."""


@probe(
    "processes.top",
    level=1,
    command="""{ ps -A -o pid,ppid,user,pcpu,pmem,vsz,rss,stat,etime,time,args 2>/dev/null ||
ps -o pid,ppid,user,vsz,rss,stat,etime,time,args 2>/dev/null ||
ps -o pid,ppid,user,vsz,rss,stat,args 2>/dev/null || ps; } | cut -c 1-280""",
    tool="ps",
    reads=(
        "ps aux", "ps axu", "ps auxw", "ps auxww", "ps axuw", "ps axuww", "ps -aux", "ps auxf",
        "ps aux --forest", "ps auxcww", "ps aux --sort=-%cpu", "ps aux --sort=-%mem",
        "ps aux --sort -%cpu", "ps aux --sort -rss", "ps ax", "ps -ax", "ps -e", "ps -A", "ps",
        "ps -ef", "ps -eF", "ps -efww", "ps -ely", "ps -el", "ps alxwww",
        "top -b -n 1", "top -b -n1", "top -bn1", "top -bn 1", "top -b", "top -n 1 -b",
    ),
)  # fmt: skip
def top(output: str) -> ProcessTable:
    """All processes, with the largest, the zombies and those that wait. Source: ps(1), top(1)."""
    found = [process for process in _processes(output) if not _is_the_probe(process)]
    if not found:
        raise ProbeError("processes.top", "no table of processes", line=output[:120])
    people = [process for process in found if not process.kernel]
    states = [process.state for process in found if process.state]
    return ProcessTable(
        count=len(found),
        kernel_threads=len(found) - len(people),
        running=states.count("R") if states else None,
        by_cpu=sorted(found, key=_by_cpu, reverse=True)[:SHOWN],
        by_memory=sorted(people, key=_by_memory, reverse=True)[:SHOWN],
        zombies=[process for process in found if process.state == "Z"],
        uninterruptible=[process for process in people if process.state == "D"],
    )


def _by_cpu(process: Process) -> tuple[float, float]:
    return process.cpu_percent or 0.0, process.cpu_time_s or 0.0


def _by_memory(process: Process) -> int:
    return process.resident_bytes or 0


def _is_the_probe(process: Process) -> bool:
    """The ps that made this table counts itself, often with a processor to itself."""
    return process.name == "ps" and (process.age_s or process.cpu_time_s or 0) < 1


_COLUMNS = {
    "%CPU": "cpu", "C": "cpu", "%MEM": "memory", "S": "stat", "USER": "user", "UID": "user",
    "TIME+": "time", "CMD": "command", "ARGS": "command", "COMMAND": "command", "RES": "rss",
    "PID": "pid", "PPID": "ppid", "RSS": "rss", "STAT": "stat", "TIME": "time", "ELAPSED": "age",
}  # fmt: skip


def _processes(output: str) -> Iterator[Process]:
    header: list[str] = []
    rows: list[str] = []
    for line in output.splitlines():
        words = line.split()
        if "PID" in words and {"COMMAND", "CMD", "ARGS"} & {*words}:
            # top repeats its table: the last one counts
            header, rows = [_COLUMNS.get(word, word) for word in words], []
        elif header and words and not re.match(r"\[… \d+ bytes left out", line):
            rows.append(line)
    kibi = "rss" in header and "RES" not in output
    for line in rows:
        if line.startswith("top - "):
            return
        yield _process(header, line, kibi)


def _process(header: list[str], line: str, kibi: bool) -> Process:
    place = header.index("command")
    words = line.split(None, place)
    row = dict(zip(header, words, strict=False))
    try:
        pid, user = int(row["pid"]), row.get("user")
    except (KeyError, ValueError) as error:
        raise ProbeError("processes.top", line=line) from error
    command = re.sub(r"^(\s*[|\\]_?\s*)+", "", row.get("command", "")).strip()
    state = _state(row.get("stat"), command)
    name = program_name(command)
    return Process(
        pid=pid,
        parent_pid=int(row["ppid"]) if "ppid" in row else None,
        user=user,
        name=name,
        command=command[:COMMAND_CHARS],
        state=state,
        kernel=_is_kernel(row, command, state),
        batch=is_batch(name),
        cpu_percent=_number(row.get("cpu")),
        cpu_time_s=clock_s(row["time"]) if _is_clock(row.get("time")) else None,
        memory_percent=_number(row.get("memory")),
        resident_bytes=_size(row.get("rss"), 1024 if kibi or row.get("rss", "").isdigit() else 1),
        age_s=clock_s(row["age"]) if _is_clock(row.get("age")) else None,
    )


def _state(stat: str | None, command: str) -> str | None:
    if "<defunct>" in command:
        return "Z"
    return stat[0] if stat else None


def _is_kernel(row: dict[str, str], command: str, state: str | None) -> bool:
    """Threads of the kernel have no memory of their own, and brackets where ps shows arguments.

    Programs that have cleared their command line get the brackets as well.
    """
    if state == "Z":
        return False
    if "VSZ" in row or "VIRT" in row:
        return row.get("VSZ", row.get("VIRT")) == "0"
    return command.startswith("[") and row.get("ppid", "2") in ("0", "2")


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").replace(",", "."))
    except ValueError:
        return None


def _is_clock(text: str | None) -> bool:
    return bool(text and re.fullmatch(r"(\d+-)?\d+(:\d+)*(\.\d+)?", text))


def _size(text: str | None, unit: int) -> int | None:
    try:
        return size_bytes(text or "", unit)
    except ValueError:
        return None

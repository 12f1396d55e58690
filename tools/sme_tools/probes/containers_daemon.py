"""The Docker daemon and the disk it uses."""

from __future__ import annotations

import json
import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.containers_reading import DOCKER
from sme_tools.probes.registry import probe

DAEMON = "containers.docker_daemon"
DISK = "containers.docker_disk"


class DockerDaemon(Fact):
    """The Docker engine of this host."""

    reachable: bool
    problem: str | None = None
    """What the client said, if the daemon is not reachable."""
    enabled: bool | None = None
    """Whether the host is meant to run it: its unit or its socket is enabled, or it left a socket
    or pid file behind. None where that was not looked at."""
    version: str | None = None
    root_dir: str | None = None
    root_used_percent: float | None = None
    """How full the filesystem of root_dir is, as df counts it."""
    root_available_bytes: int | None = None
    storage_driver: str | None = None
    log_driver: str | None = None
    runtimes: list[str] | None = None
    warnings: list[str] | None = None
    """What the daemon warns of by itself: no swap limit, bridge-nf-call-iptables is disabled."""


_INFO = (
    '{"version":{{json .ServerVersion}},"root_dir":{{json .DockerRootDir}},'
    '"storage_driver":{{json .Driver}},"log_driver":{{json .LoggingDriver}},'
    '"warnings":{{json .Warnings}},"runtimes":[{{range $name, $_ := .Runtimes}}{{json $name}},'
    "{{end}}null]}"
)

_COMMAND = f"""{DOCKER}\
said=$(docker version --format '{{{{.Server.Version}}}}' 2>&1)
case $? in
0)
  docker info --format '{_INFO}' || exit 1
  root=$(docker info --format '{{{{.DockerRootDir}}}}')
  [ -d "$root" ] && df -P -k "$root" | tail -n 1
  exit 0;;
esac
(give_up "$said") 2>/dev/null || case $? in 77 | 127) exit $?;; esac
enabled=no
if [ -d /run/systemd/system ]; then
  for unit in docker.service docker.socket snap.docker.dockerd.service; do
    systemctl is-enabled --quiet $unit 2>/dev/null && enabled=yes
  done
elif command -v rc-update >/dev/null 2>&1; then
  rc-update show default 2>/dev/null | grep -q '^ *docker ' && enabled=yes
fi
[ -e /var/run/docker.pid ] || [ -e /var/run/docker.sock ] && enabled=yes
printf 'unreachable %s %s\\n' $enabled "$said"
"""


@probe(
    DAEMON,
    level=1,
    tool="docker",
    needs_root=True,
    command=_COMMAND,
    timeout_s=15,
    reads=("docker info", "docker version", "docker system info"),
)
def docker_daemon(output: str) -> DockerDaemon:
    """Whether the Docker daemon answers, and how it is set up. Source: docker-info(1)."""
    text = output.strip()
    if match := re.match(r"unreachable (yes|no) (.*)", text, re.DOTALL):
        said = match[2].strip().split("\n")[-1]
        return DockerDaemon(reachable=False, problem=said, enabled=match[1] == "yes")
    if match := re.search(r"^.*Cannot connect to the Docker daemon.*$", text, re.MULTILINE):
        return DockerDaemon(reachable=False, problem=match[0].strip().removeprefix("ERROR: "))
    if text.startswith("{"):
        return _from_json(text)
    fields = dict(re.findall(r"^ ?([A-Z][A-Za-z ]+): *(.*)$", text, re.MULTILINE))
    server = re.search(r"^Server:.*?\n\s+Version: +(\S+)", text, re.MULTILINE | re.DOTALL)
    version = fields.get("Server Version") or (server[1] if server else None)
    if version is None:
        raise ProbeError(DAEMON, line=text.split("\n")[0])
    return DockerDaemon(
        reachable=True,
        version=version,
        root_dir=fields.get("Docker Root Dir"),
        storage_driver=fields.get("Storage Driver"),
        log_driver=fields.get("Logging Driver"),
        runtimes=fields["Runtimes"].split() if "Runtimes" in fields else None,
        warnings=re.findall(r"^WARNING: (.*)$", text, re.MULTILINE),
    )


def _from_json(text: str) -> DockerDaemon:
    first, _, disk = text.partition("\n")
    info: dict[str, Any] = json.loads(first)
    space = re.search(r"\s(\d+) +(\d+)%", disk)
    used = re.search(r"\s(\d+) +(\d+) +(\d+) +\d+%", disk)
    percent = None
    if used and int(used[2]) + int(used[3]):
        percent = round(100 * int(used[2]) / (int(used[2]) + int(used[3])), 1)
    return DockerDaemon(
        reachable=True,
        enabled=True,
        version=info["version"],
        root_dir=info["root_dir"],
        root_used_percent=percent,
        root_available_bytes=int(space[1]) * 1024 if space else None,
        storage_driver=info["storage_driver"],
        log_driver=info["log_driver"],
        runtimes=[name for name in info["runtimes"] if name],
        warnings=[line.removeprefix("WARNING: ") for line in info["warnings"] or []],
    )


class DockerUse(Fact):
    """The space that one kind of Docker's data takes."""

    kind: str
    """`Images`, `Containers`, `Local Volumes` or `Build Cache`."""
    size_bytes: int
    reclaimable_bytes: int
    """What `docker system prune` would free."""


class LogFile(Fact):
    """The log of one container, with its rotated parts, as the json-file driver keeps it."""

    container: str
    """The first 12 digits of its id."""
    folder: str
    """Where the daemon keeps it."""
    size_bytes: int


class DockerDisk(Fact):
    """The disk space that Docker uses."""

    kinds: list[DockerUse]
    size_bytes: int
    reclaimable_bytes: int
    logs: list[LogFile] | None = None
    """The largest ten; None without root."""


@probe(
    DISK,
    level=2,
    tool="docker",
    needs_root=True,
    timeout_s=45,
    command=DOCKER + "said=$(docker system df --format '{{json .}}' 2>&1) || give_up \"$said\"\n"
    "printf '%s\\n' \"$said\"\n"
    "cd \"$(docker info --format '{{.DockerRootDir}}')/containers\" 2>/dev/null || exit 0\n"
    'echo "logs $PWD"\n'
    "for log in *; do\n"
    '  set -- "$log"/*-json.log*; [ -e "$1" ] && du -k -c "$@" | sed -n "\\$s/total/$log/p"\n'
    "done | sort -rn | head -n 10",
    reads=("docker system df",),
)
def docker_disk(output: str) -> DockerDisk:
    """What images, containers, volumes, caches and logs take. Source: docker-system-df(1)."""
    listed, marked, logged = output.partition("\nlogs ")
    folder, _, logged = logged.partition("\n")
    lines = [line for line in listed.splitlines() if line.strip()]
    if lines and lines[0].startswith("{"):
        rows = [json.loads(line) for line in lines]
        kinds = [_use(row["Type"], row["Size"], row["Reclaimable"]) for row in rows]
    else:
        kinds = [_from_df_line(line) for line in lines if not line.startswith("TYPE")]
    if not kinds:
        raise ProbeError(DISK, "no kinds of data")
    logs = [
        LogFile(container=words[1][:12], folder=folder, size_bytes=int(words[0]) * 1024)
        for line in logged.splitlines()
        if len(words := line.split()) == 2
    ]
    return DockerDisk(
        kinds=kinds,
        size_bytes=sum(kind.size_bytes for kind in kinds),
        reclaimable_bytes=sum(kind.reclaimable_bytes for kind in kinds),
        logs=logs if marked else None,
    )


def _from_df_line(line: str) -> DockerUse:
    match = re.fullmatch(r"(\S.*?) {2,}\d+ +\d+ +(\S+B) +(\S+B)(?: \(\d+%\))?\s*", line)
    if match is None:
        raise ProbeError(DISK, line=line)
    return _use(match[1], match[2], match[3])


def _use(kind: str, size: str, reclaimable: str) -> DockerUse:
    return DockerUse(
        kind=kind, size_bytes=_bytes(size), reclaimable_bytes=_bytes(reclaimable.split()[0])
    )


_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def _bytes(text: str) -> int:
    """`12.3GB`: Docker counts in powers of 1000."""
    match = re.fullmatch(r"([\d.]+(?:e[+-]?\d+)?)([kKMGTP]?)B", text)
    if match is None:
        raise ProbeError(DISK, "not a size", line=text)
    return round(float(match[1]) * 1000.0 ** _POWERS[match[2]])

"""Gluster: bricks, peers and the locks between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import with_options


class GlusterVolume(Fact):
    """One started volume."""

    name: str
    bricks: int
    bricks_offline: tuple[str, ...]
    """HOST:/path of each brick whose process does not run."""
    daemons_offline: tuple[str, ...]
    """`Self-heal Daemon on node2`"""


class Gluster(Fact):
    """What `gluster volume status` tells."""

    volumes: tuple[GlusterVolume, ...]
    problems: tuple[str, ...]
    """What gluster itself complains of: `Locking failed on node2 …`."""
    busy: tuple[str, ...]
    """Volumes that another command has locked for now."""


@probe(
    "cluster.gluster",
    level=1,
    tool="gluster",
    needs_root=True,
    timeout_s=15,
    command="gluster --mode=script --timeout=10 volume status all 2>&1",
    ok_exit_codes=(0, 1),
    reads=(
        *with_options(
            "gluster",
            "volume status|volume status all|vol status|v status|volume status detail"
            "|volume status all detail",
        ),
        "gluster_v_status",
    ),
)
def gluster(output: str) -> Gluster:
    """Volumes with bricks that are offline, and failed locks. Source: gluster(8)."""
    volumes: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    busy: list[str] = []
    for line in _whole_lines(output):
        if locked := re.match(r"Another transaction is in progress for (\S+?)\.\s", line + " "):
            busy.append(locked[1])
        elif _PROBLEM.match(line):
            problems.append(line)
        elif volume := re.match(r"Status of volume: (\S+)", line):
            volumes[volume[1]] = {"name": volume[1], "bricks": 0, "off": [], "daemons": []}
        elif process := _PROCESS.match(line):
            if not volumes:
                raise ProbeError("cluster.gluster", "a process without a volume", line=line)
            current = list(volumes.values())[-1]
            brick = process["name"].startswith("Brick ")
            current["bricks"] += brick
            if process["online"] == "N":
                current["off" if brick else "daemons"].append(
                    process["name"].removeprefix("Brick ")
                )
    if not volumes and not problems and not busy and output.strip() and not _EMPTY.search(output):
        raise ProbeError(
            "cluster.gluster", "no status of volumes", line=output.strip().split("\n")[0]
        )
    return Gluster(
        volumes=tuple(
            GlusterVolume(
                name=v["name"],
                bricks=v["bricks"],
                bricks_offline=tuple(v["off"]),
                daemons_offline=tuple(v["daemons"]),
            )
            for v in volumes.values()
        ),
        problems=tuple(dict.fromkeys(problems)),
        busy=tuple(dict.fromkeys(busy)),
    )


_EMPTY = re.compile(r"No volumes present|is not started")
_PROBLEM = re.compile(
    r"^(Locking failed|Connection failed|Staging failed|Commit failed|Error|Request timed out|"
    r".*(?:quorum not met|Unable to )|Failed to )",
    re.IGNORECASE,
)
_PROCESS = re.compile(
    r"^(?P<name>(?:Brick|Self-heal Daemon|NFS Server|Quota Daemon|Bitrot Daemon|Scrubber Daemon|"
    r"Snapshot Daemon|Tier Daemon)\b.*?)\s+(?P<port>\d+|N/A)(?:\s+(?P<rdma>\d+|N/A))?"
    r"\s+(?P<online>[YN])\s+(?P<pid>\d+|N/A)\s*$"
)


def _whole_lines(output: str) -> Iterator[str]:
    """Each process on one line: gluster breaks a name that is longer than its column in two."""
    broken = ""
    for line in output.splitlines():
        text = line.rstrip()
        if broken and text and not re.match(r"^(Brick |Status of|Task Status|-{5,})", text):
            text = broken + text
        broken = ""
        if re.match(
            r"^(Brick|Self-heal Daemon|NFS Server|\w+ Daemon)\b", text
        ) and not _PROCESS.match(text):
            broken = text
            continue
        yield text


class GlusterPeer(Fact):
    """One other server of the trusted pool."""

    host: str
    state: str
    """Peer in Cluster"""
    connected: bool


@probe(
    "cluster.gluster_peers",
    level=1,
    tool="gluster",
    needs_root=True,
    timeout_s=15,
    command="gluster --mode=script --timeout=10 peer status",
    reads=("gluster peer status", "gluster_peer_status"),
)
def gluster_peers(output: str) -> list[GlusterPeer]:
    """The other servers and whether they are connected. Source: gluster(8)."""
    if output.startswith("Connection failed"):
        return [GlusterPeer(host="localhost", state=output.strip()[:120], connected=False)]
    if "Number of Peers" not in output:
        raise ProbeError(
            "cluster.gluster_peers", "no list of peers", line=output.strip().split("\n")[0]
        )
    return [
        GlusterPeer(host=host, state=state.strip(), connected=link == "Connected")
        for host, state, link in re.findall(
            r"^Hostname: *(\S+)\s*\n(?:(?!Hostname:).*\n)*?State: *(.*?) *\((\w+)\)",
            output,
            re.MULTILINE,
        )
    ]

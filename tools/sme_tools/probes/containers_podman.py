"""Podman containers."""

from __future__ import annotations

import json
import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.probes.containers_reading import Container, containers_of_table, status_fields
from sme_tools.probes.registry import probe

PROBE = "containers.podman"

# Podman sets up its storage when it is first called, and a probe writes nothing: without storage
# there are no containers. Those of other users are not seen.
_COMMAND = r"""
if [ "$(id -u)" = 0 ]; then store=/var/lib/containers/storage
else store=${XDG_DATA_HOME:-$HOME/.local/share}/containers/storage; fi
[ -d "$store" ] || exit 127
podman ps -a --format '{{.Names}}\t{{.ID}}\t{{.Image}}\t{{.Status}}' || exit 1
ids=$(podman ps -aq)
[ -z "$ids" ] ||
  podman inspect --format 'inspect {{.Name}} {{.State.OOMKilled}} {{.RestartCount}}' $ids || :
"""


@probe(
    PROBE,
    level=1,
    tool="podman",
    command=_COMMAND,
    timeout_s=20,
    reads=(
        "podman ps",
        "podman ps -a",
        "podman ps --all",
        "podman ps -a --no-trunc",
        "podman container ls -a",
        "podman container list -a",
        "sudo podman ps -a",
    ),
)
def podman(output: str) -> list[Container]:
    """Each Podman container of this user: state, exit code, health. Source: podman-ps(1)."""
    lines = [line for line in output.splitlines() if line.strip()]
    if output.lstrip().startswith("["):
        return [_from_json(row) for row in json.loads(output)]
    heads = [n for n, line in enumerate(lines) if line.startswith("CONTAINER ID")]
    if heads:
        return containers_of_table(lines[heads[0] :], PROBE)
    details = {
        name: {"oom_killed": oom == "true", "restart_count": int(restarts)}
        for name, oom, restarts in re.findall(r"^inspect (\S+) (true|false) (\d+)$", output, re.M)
    }
    found = []
    for line in lines:
        if line.startswith("inspect "):
            continue
        columns = line.split("\t")
        if len(columns) != 4:
            raise ProbeError(PROBE, "unknown form of listing", line=line)
        name, id, image, status = columns
        found.append(
            Container.model_validate(
                {
                    "name": name,
                    "id": id[:12],
                    "image": image,
                    **status_fields(status, PROBE),
                    **details.get(name, {}),
                }
            )
        )
    return found


def _from_json(row: dict[str, Any]) -> Container:
    """An entry of `podman ps --format json`; older versions leave Status empty."""
    state = {"configured": "created", "initialized": "created", "stopped": "exited"}.get(
        row["State"], row["State"]
    )
    status = status_fields(row["Status"], PROBE) if row.get("Status") else {}
    code = {"exit_code": row["ExitCode"]} if state == "exited" else {}
    names = row["Names"] if isinstance(row["Names"], list) else [row["Names"]]
    return Container.model_validate(
        {
            "name": names[0],
            "id": row["Id"][:12],
            "image": row["Image"],
            "state": state,
            **code,
            **status,
        }
    )

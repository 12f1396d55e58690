"""RabbitMQ: whether the cluster is whole, from every form in which it tells."""

from __future__ import annotations

import json
import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe


class Partition(Fact):
    """A node that lost sight of others while they ran: both sides went on by themselves."""

    node: str
    unreachable: list[str]


class Alarm(Fact):
    """A resource alarm: publishers are blocked while it lasts."""

    node: str
    resource: str
    """`memory`, `disk`, `file_descriptor_limit`."""


class RabbitmqCluster(Fact):
    """The state of a RabbitMQ cluster, as one of its nodes sees it."""

    answering: bool
    message: str | None = None
    """What the tool said if the node did not answer."""
    nodes: list[str]
    running: list[str]
    down: list[str]
    partitions: list[Partition]
    alarms: list[Alarm]


@probe(
    "database.rabbitmq_cluster",
    level=3,
    tool="rabbitmqctl",
    needs_root=True,
    timeout_s=25,
    command="""\
answer=$(rabbitmqctl -t 15 cluster_status --formatter json 2>&1) || {
  case "$answer" in
  *'Only root'*) exit 77;;
  *ormatter*) answer=$(rabbitmqctl cluster_status 2>&1);;
  esac
}
printf '%s\\n' "$answer"
""",
    reads=(
        "rabbitmq cluster status",
        "rabbitmqctl cluster_status",
        "rabbitmqctl cluster_status --formatter json",
        "sudo rabbitmqctl cluster_status",
    ),
)
def rabbitmq_cluster(output: str) -> RabbitmqCluster:
    """Nodes that are down, network partitions and alarms of a RabbitMQ cluster.

    Reads the text of rabbitmqctl(8) before and since 3.8, its JSON, and that of the management
    interface's /api/nodes.
    """
    if re.search(r"^(?:Error|ERROR)\b|nodedown|unable to (?:connect to|perform)", output, re.M):
        reason = next(
            line.strip() for line in output.splitlines() if "rror" in line or "un" in line
        )
        return RabbitmqCluster(
            answering=False, message=reason, nodes=[], running=[], down=[], partitions=[], alarms=[]
        )
    at = re.search(r"^\s*[\[{]\s*[\"{\n]", output, re.M)
    if at and (document := _json(output[at.start() :])) is not None:
        return _from_json(document)
    if "[{nodes," in output.replace(" ", ""):
        return _from_erlang(output)
    return _from_text(output)


def _json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.JSONDecoder().raw_decode(text.strip())[0]
    except (ValueError, RecursionError):
        return None


def _cluster(
    nodes: list[str], running: list[str], partitions: dict[str, list[str]], alarms: list[Alarm]
) -> RabbitmqCluster:
    if not nodes and not running:
        raise ProbeError("database.rabbitmq_cluster", "no node is named")
    everyone = list(dict.fromkeys([*nodes, *running]))
    return RabbitmqCluster(
        answering=True,
        nodes=everyone,
        running=running,
        down=[node for node in everyone if node not in running],
        partitions=[
            Partition(node=node, unreachable=others)
            for node, others in partitions.items()
            if others
        ],
        alarms=alarms,
    )


def _from_json(document: Any) -> RabbitmqCluster:  # noqa: ANN401 - any JSON value
    """rabbitmqctl's own document, or a list of nodes, wherever a wrapper holds it."""
    if isinstance(document, dict) and "running_nodes" in document:
        disk, ram = document.get("disk_nodes", []), document.get("ram_nodes", [])
        alarms = [
            Alarm(node=alarm["node"], resource=str(alarm.get("resource", alarm.get("type", "?"))))
            for alarm in document.get("alarms", [])
            if isinstance(alarm, dict)
        ]
        partitions = document.get("partitions") or {}
        return _cluster([*disk, *ram], document["running_nodes"], dict(partitions), alarms)
    nodes = _find_nodes(document)
    if not nodes:
        raise ProbeError("database.rabbitmq_cluster", "JSON without nodes")
    partitions = {_name(node): list(node.get("partitions") or []) for node in nodes}
    alarms = [
        Alarm(node=_name(node), resource=resource)
        for node in nodes
        for key, resource in (("mem_alarm", "memory"), ("disk_free_alarm", "disk"))
        if node.get(key)
    ]
    running = [_name(node) for node in nodes if node.get("running")]
    return _cluster([_name(node) for node in nodes], running, partitions, alarms)


def _name(node: dict[str, Any]) -> str:
    return str(node.get("name") or node.get("node"))


def _find_nodes(value: object) -> list[dict[str, Any]]:
    """The richest list of objects that say whether they are `running`."""
    found: list[dict[str, Any]] = []
    children = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(children, list):
        return []
    if children and all(isinstance(one, dict) and "running" in one for one in children):
        return children
    for child in children:
        candidate = _find_nodes(child)
        if candidate and len(candidate[0]) > len(found[0] if found else {}):
            found = candidate
    return found


_ATOM = re.compile(r"'?([\w-]+@[\w.-]+)'?")
_PAIR = re.compile(r"\{'?([\w-]+@[\w.-]+)'?,\[([^\]]*)\]\}")


def _from_erlang(output: str) -> RabbitmqCluster:
    """The term that rabbitmqctl printed before 3.8: `[{nodes,[…]}, {running_nodes,[…]}, …]`."""
    term = re.sub(r"\s+", "", output[output.index("{nodes") :])
    nodes = _ATOM.findall(_section(term, "nodes"))
    running = _ATOM.findall(_section(term, "running_nodes"))
    partitions = {
        pair[1]: _ATOM.findall(pair[2])
        for pair in re.finditer(
            r"\{'?([\w-]+@[\w.-]+)'?,\[([^\]]*)\]\}", _section(term, "partitions")
        )
    }
    alarms = [
        Alarm(node=pair[1], resource=resource)
        for pair in _PAIR.finditer(_section(term, "alarms"))
        for resource in pair[2].split(",")
        if resource
    ]
    return _cluster(list(dict.fromkeys(nodes)), running, partitions, alarms)


def _section(term: str, name: str) -> str:
    """The bracketed value of `{name,[…]}`."""
    at = term.find(f"{{{name},[")
    if at < 0:
        return ""
    depth, start = 0, term.index("[", at)
    for index in range(start, len(term)):
        depth += {"[": 1, "]": -1}.get(term[index], 0)
        if depth == 0:
            return term[start + 1 : index]
    return term[start + 1 :]


def _resource(line: str) -> str:
    """What an alarm in the text form is about: `Free disk space alarm on node rabbit@a`."""
    said = line.split(" alarm")[0].strip().lower()
    return {"free disk space": "disk", "file descriptor limit": "file_descriptor_limit"}.get(
        said, said
    )


def _from_text(output: str) -> RabbitmqCluster:
    """The headed lists that rabbitmqctl prints since 3.8."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in output.splitlines():
        text = line.strip()
        if re.fullmatch(r"[A-Z][A-Za-z ]+", text):
            current = sections.setdefault(text, [])
        elif text and text != "(none)":
            current.append(text)
    if "Running Nodes" not in sections:
        raise ProbeError("database.rabbitmq_cluster", line=output)
    nodes = [*sections.get("Disk Nodes", []), *sections.get("RAM Nodes", [])]
    partitions = {}
    for line in sections.get("Network Partitions", []):
        names = _ATOM.findall(line)
        if names:
            partitions[names[0]] = names[1:] or ["?"]
    alarms = [
        Alarm(node=(_ATOM.findall(line) or ["?"])[-1], resource=_resource(line))
        for line in sections.get("Alarms", [])
    ]
    return _cluster(nodes, sections["Running Nodes"], partitions, alarms)

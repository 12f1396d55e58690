"""Multipath: the paths to disks in a storage network."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import with_options


class MultipathMap(Fact):
    """One disk that is reached over several paths."""

    name: str
    wwid: str | None = None
    product: str | None = None
    size: str | None = None
    """As printed: 54T"""
    queues_without_path: bool
    """With no path left, I/O waits for ever instead of failing."""
    paths: int
    faulty_paths: tuple[str, ...]
    """`sdg 13:0:0:2 active faulty running`"""


@probe(
    "storage.multipath",
    level=2,
    tool="multipath",
    needs_root=True,
    command="""\
grep -q device-mapper /proc/devices 2>/dev/null || exit 127
[ "$(id -u)" = 0 ] || exit 77
multipath -ll 2>&1""",
    reads=(
        *with_options(
            "multipath",
            "-ll|-l|-v4 -ll|-v2 -ll|-v3 -ll|-ll -v2|-ll -v3|-ll -v4|-v2 -l",
        ),
        *with_options(
            "multipathd",
            "show topology|-k'show topology'|list topology",
        ),
    ),
)
def multipath(output: str) -> list[MultipathMap]:
    """The multipath disks and their faulty paths. Source: multipath(8), RHEL 5 to 10."""
    maps: list[dict[str, object]] = []
    paths: list[tuple[str, bool]] = []
    for line in output.splitlines():
        if path := _PATH.match(line):
            paths.append((_described(path), _is_faulty(path)))
            if not maps:
                raise ProbeError("storage.multipath", "a path without a map", line=line)
            maps[-1]["paths"] = len(paths)
            maps[-1]["faulty_paths"] = tuple(text for text, faulty in paths if faulty)
        elif size := re.search(r"\bsize=(\S+?)[\]\s].*?features=['\"]?([^'\"\]]*)", line):
            if maps:
                maps[-1]["size"] = size[1]
                maps[-1]["queues_without_path"] = "queue_if_no_path" in size[2]
        elif head := _MAP.match(line):
            paths = []
            wwid = head["wwid"] or (head["name"] if len(head["name"]) > 16 else None)
            maps.append(
                {
                    "name": head["name"],
                    "wwid": wwid,
                    "product": re.sub(r"\s+", " ", head["product"] or "").strip() or None,
                    "queues_without_path": False,
                    "paths": 0,
                    "faulty_paths": (),
                }
            )
    return [MultipathMap.model_validate(facts) for facts in maps]


_MAP = re.compile(
    r"^(?:\w+: )?(?P<name>[\w.-]+)(?: \((?P<wwid>[^)]+)\))?\s+(?:dm-\d+|undef)\s*(?P<product>.*)$"
)
_PATH = re.compile(
    r"^[\s|`+\\_-]+(?P<address>[\d#]+:[\d#]+:[\d#]+:[\d#]+)\s+(?P<device>\S+)\s+(?P<number>\S+)\s+"
    r"\[?(?P<dm>active|failed|undef)\]?\s*\[?(?P<checker>\w+(?:/\w+)?|i/o \w+)\]?"
    r"\s*(?P<online>\w+)?"
)
_FAULTY_CHECKERS = {"faulty", "shaky", "down", "i/o timeout", "timeout", "delayed"}


def _is_faulty(path: re.Match[str]) -> bool:
    return (
        path["dm"] == "failed"
        or path["checker"] in _FAULTY_CHECKERS
        or path["online"] in ("offline", "transport", "blocked")
        or path["address"].startswith("#")
    )


def _described(path: re.Match[str]) -> str:
    words = (path[name] for name in ("device", "address", "dm", "checker", "online"))
    return " ".join(word for word in words if word)

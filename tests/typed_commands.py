"""What tests of the command line share: answers, recorded hosts, patience."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.snapshot import write_snapshot
from sme_tools.probes.registry import probes

DF = """Filesystem     1K-blocks     Used Available Use% Mounted on
/dev/vda1       41152736 41152708        28 100% /
"""
FULL = {"storage.filesystems": DF + "\n"}
SOUND = {
    "storage.filesystems": DF.replace("41152708        28 100%", "9152708  29910028  24%") + "\n"
}


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass
class Running:
    """A `sme` that goes on while the test does something else."""

    process: subprocess.Popen

    def wait(self, seconds=30):
        out, err = self.process.communicate(timeout=seconds)
        return Answer(self.process.returncode, out, err)


def eventually(look, seconds=20):
    """What `look` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def record(path, name, outputs):
    """Write a snapshot of a host that prints this, by probe; no other program is there."""
    recorded = [
        Evidence(
            id=f"{name}/{id}#1",
            host=name,
            step=id,
            command=probe.command,
            stdout=outputs.get(id, ""),
            stderr="",
            exit_code=0 if id in outputs else 127,
            outcome="completed",
            privilege="root",
            started_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
            duration_s=0.01,
        )
        for id, probe in probes().items()
    ]
    write_snapshot(path, name, recorded)
    return path


def hanging_processes():
    """How many processes of `hanging_df` there are."""
    table = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True)
    return table.stdout.count(f"sleep 1000.{os.getpid()}")

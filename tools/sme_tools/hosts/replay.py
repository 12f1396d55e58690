"""The transport to a recorded host: it answers from a snapshot, at once and offline."""

from __future__ import annotations

from collections.abc import Iterator

from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.snapshot import Snapshot, read_snapshot
from sme_tools.hosts.transport import Closing


class ReplayTransport(Closing):
    """Answers each step of a script with what was recorded for it.

    A step is found by its id, so a snapshot answers other versions of a probe too; a step that is
    no probe, by its command. What was not recorded has the outcome `not-recorded`.

    Raises:
        SnapshotInvalid: the host's snapshot can't be read.
    """

    def __init__(self, host: Host) -> None:
        if host.snapshot is None:
            raise ValueError(f"{host.name} has no snapshot to replay")
        self._host = host
        self.snapshot: Snapshot = read_snapshot(host.snapshot)
        # The first look is what a snapshot is; later rounds would be answers to other questions.
        self._by_step = {item.step: item for item in reversed(self.snapshot.evidence)}
        self._by_command = {item.command: item for item in reversed(self.snapshot.evidence)}

    @property
    def account(self) -> None:
        """A snapshot does not say."""

    def run(self, script: Script, *, timeout_s: float) -> Iterator[Evidence]:
        """See `Transport.run`; times are those of the recording, and nothing can time out."""
        for step in script.steps:
            recorded = self._by_step.get(step.id) or self._by_command.get(step.command)
            id = f"{self._host.name}/{step.id}#{script.round}"
            if recorded is None:
                yield self._not_recorded(id, step)
            else:
                yield recorded.model_copy(
                    update={"id": id, "host": self._host.name, "step": step.id}
                )

    def _not_recorded(self, id: str, step: Step) -> Evidence:
        return Evidence(
            id=id,
            host=self._host.name,
            step=step.id,
            command=step.command,
            stdout="",
            stderr="",
            exit_code=None,
            outcome="not-recorded",
            privilege="user",
            started_at=self.snapshot.recorded_at,
            duration_s=0,
        )

    def close(self) -> None:
        """Nothing to end."""

"""What tests of fixing share: a service that lacks its settings, and the known issue that mends it.

The folder of the service is on this machine, which is also what a real sshd on loopback leads to.
"""

from __future__ import annotations

from pathlib import Path

ISSUE = "settings-missing"

HEAD = """\
---
id: settings-missing
title: "{title}"
severity: high
status: validated
applies_to: [linux]
symptoms: [the service does not start]
signature: 'system.os.name.size() > 0'
root_cause: Somebody removed them.
resolution:
"""
TAIL = """\
provenance: {source: a test, recorded: 2026-11-20}
---
"""
WRITE = """\
  - title: Write the settings
    run: cp {folder}/template {folder}/settings
    undo: rm -f {folder}/settings
    verify: {{run: "test -s {folder}/settings"}}
    hold_s: {hold_s}
"""
START = """\
  - title: Start the service
    run: "{start}"
    undo: "{undo}"
    verify: {{run: "test -e {folder}/started"}}
    hold_s: 0
"""


class Service:
    """A folder without its settings, and the user's known issue about it."""

    def __init__(self, folder: Path, issues: Path) -> None:
        self.folder = folder
        self.issues = issues
        folder.mkdir()
        (folder / "template").write_text("port = 80\n")
        issues.mkdir(parents=True, exist_ok=True)
        self.teach()

    def teach(
        self,
        *steps: str,
        start: str | None = None,
        undo: str | None = None,
        hold_s: int = 0,
        title: str = "The service's settings are not there",
    ) -> None:
        """Write the known issue: these steps, or else settings and start."""
        values = {
            "folder": self.folder,
            "start": start or f"touch {self.folder}/started",
            "undo": undo or f"rm -f {self.folder}/started",
            "hold_s": hold_s,
        }
        body = "".join(step.format(**values) for step in steps or (WRITE, START))
        text = HEAD.format(title=title) + body + TAIL
        (self.issues / f"{ISSUE}.md").write_text(text)

    @property
    def files(self) -> list[str]:
        """What is there."""
        return sorted(path.name for path in self.folder.iterdir())

    def reset(self) -> None:
        """As it was."""
        for name in self.files:
            if name != "template":
                (self.folder / name).unlink()

"""The known issues at hand: the shipped library and the user's own folder, as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from sme_knowledge.known_issue import KnownIssue
from sme_tools.errors import KnownIssueInvalid


@dataclass
class KnownIssues:
    """Known issues by id. Files that could not be used are in `problems`; the rest is there."""

    by_id: dict[str, KnownIssue] = field(default_factory=dict)
    problems: list[KnownIssueInvalid] = field(default_factory=list)
    _successors: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, *folders: Path, shipped: bool = True) -> KnownIssues:
        """Read the shipped library and then these folders, where they exist.

        An issue of a later folder replaces one of an earlier folder with its id. A file that
        can't be used is put into `problems`, and the others still load.
        """
        found = cls()
        if shipped:
            with as_file(files("sme_knowledge") / "library") as library:
                found._add_folder(library)
        for folder in folders:
            if folder.exists():
                found._add_folder(folder)
        found._link()
        return found

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[KnownIssue]:
        return iter(self.by_id.values())

    def __contains__(self, id: object) -> bool:
        return id in self.by_id

    def get(self, id: str) -> KnownIssue | None:
        """The issue with this id, or the one that supersedes it; None if there is neither."""
        while id in self._successors:
            id = self._successors[id]
        return self.by_id.get(id)

    def current(self) -> list[KnownIssue]:
        """What to recall from: neither superseded nor retired, by id."""
        return [
            issue
            for id, issue in sorted(self.by_id.items())
            if issue.status in ("candidate", "validated") and id not in self._successors
        ]

    def _add_folder(self, folder: Path) -> None:
        here: dict[str, Path] = {}
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".md")
        except OSError as error:
            problem = f"{folder}: can't be listed: {error.strerror}"
            self.problems.append(KnownIssueInvalid(problem))
            return
        for path in paths:
            if path.name.startswith((".", "_")) or path.name == "README.md":
                continue
            try:
                issue = KnownIssue.read(path)
                if issue.id in here:
                    raise KnownIssueInvalid(
                        f"{path}: id: {issue.id} is taken by {here[issue.id].name}",
                        remedy="Give one of the two another id, or delete it.",
                    )
            except KnownIssueInvalid as error:
                self.problems.append(error)
                continue
            here[issue.id] = path
            self.by_id[issue.id] = issue

    def _link(self) -> None:
        """Find each superseded issue's successor; report links that lead nowhere or in a circle."""
        for issue in self.by_id.values():
            for old in issue.supersedes:
                if self._leads_to(issue.id, old):
                    self._report(issue, f"supersedes: {old} supersedes {issue.id} in its turn")
                else:
                    self._successors[old] = issue.id
        for issue in self.by_id.values():
            if issue.status == "superseded" and issue.id not in self._successors:
                self._report(issue, f"status: superseded, but no issue supersedes {issue.id}")

    def _leads_to(self, start: str, goal: str) -> bool:
        at: str | None = start
        while at is not None and at != goal:
            at = self._successors.get(at)
        return at == goal

    def _report(self, issue: KnownIssue, problem: str) -> None:
        self.problems.append(
            KnownIssueInvalid(
                f"{issue.path or issue.id}: {problem}",
                remedy="Correct `supersedes` in the successor's file, or retire the old issue.",
            )
        )

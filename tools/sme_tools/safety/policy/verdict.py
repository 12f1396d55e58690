"""What the policy says of a command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Verdict(StrEnum):
    """What may happen with a command, from the mildest to the gravest."""

    READ_ONLY = "read-only"
    """Runs without asking."""
    CHANGE = "change"
    """Needs approval: it changes something, or could not be proven not to."""
    REFUSED = "refused"
    """Never runs, whoever approves it."""

    @property
    def gravity(self) -> int:
        """0 for the mildest."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Ruling:
    """What one part of a command line can do."""

    verdict: Verdict
    reason: str
    instead: str | None = None
    """A form of the command that would be allowed."""
    endless: bool = False
    """It is refused only because it does not end by itself."""
    network: bool = False
    """Its output comes from another machine."""
    runs_input: bool = False
    """What it reads from standard input, it runs."""
    changes: str | None = None
    """Why it would be a change, too, if it is refused for not ending."""

    @property
    def _weight(self) -> tuple[int, bool]:
        return self.verdict.gravity, not self.endless

    def worse(self, other: Ruling) -> Ruling:
        """The graver of the two; what is known of input and output is kept from both."""
        graver = other if other._weight > self._weight else self
        reasons = [one.reason for one in (self, other) if one.verdict is Verdict.CHANGE]
        return replace(
            graver,
            network=self.network or other.network,
            runs_input=self.runs_input or other.runs_input,
            changes=self.changes or other.changes or next(iter(reasons), None),
        )


READS = Ruling(Verdict.READ_ONLY, "it only reads")


def change(reason: str) -> Ruling:
    """Needs approval, for this reason."""
    return Ruling(Verdict.CHANGE, reason)


def refuse(reason: str, instead: str | None = None) -> Ruling:
    """Never runs, for this reason."""
    return Ruling(Verdict.REFUSED, reason, instead)


def worst(rulings: Iterable[Ruling]) -> Ruling:
    """The gravest of these; of nothing: that it only reads."""
    found = READS
    for ruling in rulings:
        found = found.worse(ruling)
    return found


@dataclass(frozen=True)
class SimpleCommand:
    """One program and its arguments within a command line, as far as they are known."""

    argv: tuple[str, ...]
    verdict: Verdict
    known: bool = True
    """Whether nothing in `argv` depends on what is only known when it runs."""


@dataclass(frozen=True)
class Judgement:
    """What the policy says of a whole command line."""

    command: str
    verdict: Verdict
    reason: str
    instead: str | None = None
    commands: tuple[SimpleCommand, ...] = field(default=(), compare=False)
    """The simple commands in it, wrappers and what they wrap alike, in the order of judging."""
    argv: tuple[str, ...] | None = None
    """The words of the one command that the whole line is; None where it is more, or not known."""
    reaches: tuple[str, ...] = ()
    """The names and addresses that its commands ask and that lie outside: all but loopback,
    link-local and private addresses, names without a dot, and suffixes that are never delegated. As
    they are written; `…` stands for what is only known when it runs."""

    def document(self) -> dict[str, str | list[str]]:
        """The judgement as `sme policy check --json` prints it."""
        said: dict[str, str | list[str]] = {
            "command": self.command,
            "verdict": self.verdict.value,
            "reason": self.reason,
        }
        if self.instead:
            said["instead"] = self.instead
        return {**said, "reaches": list(self.reaches)} if self.reaches else said

"""Who or what has commands run, why, and by what right: what the audit log says of them."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import Literal, get_args

Right = Literal["read-only", "change"]
"""What the command policy says of a command that runs; a refused one never gets here."""

OWN_COMMAND = "a fixed command of sme, read-only by construction"


@dataclass(frozen=True)
class Purpose:
    """What the commands of one script are run for.

    It holds for every step: commands of another verdict or approval travel in another script.

    Raises:
        ValueError: a change without an approval, or a word that says nothing.
    """

    actor: str
    """Who or what asked: "rules", "user ann", "model qwen3:32b"."""
    why: str
    """One line: "is the disk full for root alone?"."""
    verdict: Right
    reason: str
    """Why the policy judged so, in one line."""
    approval: str | None = None
    """The id of the approval that allows a change; where a host's mode allows it without asking,
    what does: "auto: known issue docker-root-full"."""
    incident: str | None = None
    """The id of the incident that this belongs to."""
    is_probe: bool = False
    """Fixed text of this program. Anything else is announced in the audit log before it runs."""
    is_undo: bool = False
    """Takes an approved change back. It runs even where the audit log can't be written, which stops
    any other change: a missing line is better than a host that is left half changed."""

    def __post_init__(self) -> None:
        for name in ("actor", "why", "reason"):
            if not getattr(self, name).strip():
                raise ValueError(f"a purpose has to say its {name}")
        if self.verdict not in get_args(Right):
            raise ValueError(f"what is {self.verdict} does not run")
        if self.verdict == "change" and (self.is_probe or not self.approval):
            raise ValueError("a change is no probe, and names the approval that allows it")
        if self.is_undo and self.verdict != "change":
            raise ValueError("what takes a change back is a change")

    @classmethod
    def of_probes(cls, actor: str, why: str, *, incident: str | None = None) -> Purpose:
        """For probes, and other commands whose text is fixed in this program."""
        return cls(actor, why, "read-only", OWN_COMMAND, incident=incident, is_probe=True)


def own_account() -> str:
    """The name of the account that this process runs as; its number if it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in some containers
        return str(os.getuid())


def this_user() -> str:
    """The actor of what a user typed."""
    return f"user {own_account()}"

"""Who says yes: what `--approve` names, and then whoever sits at the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sme_agent.questions import Answer, Ask, Question
from sme_cli.render.out import complain
from sme_tools.hosts.purpose import this_user

if TYPE_CHECKING:
    from sme_agent.events import Planned

_DIGEST = re.compile(r"[0-9a-f]{12}")


@dataclass
class Approver:
    """Answers questions. A digest approves its whole plan, a text that exact command; no more."""

    named: Sequence[str]
    """The values of `--approve`."""
    ask: Ask
    """Is asked whatever they don't name."""
    plans: list[Planned] = field(default_factory=list)
    """Those that were shown; to be filled before the first question."""
    _complained: bool = False

    def __call__(self, question: Question) -> Answer | None:
        """As `questions.Ask`."""
        self.name_what_fits_nothing()
        if question.digest in self.named:
            everything = all(planned.digest in self.named for planned in self.plans)
            return Answer("plan" if everything and self.plans else "yes", by=this_user())
        if question.command in self.named:
            return Answer("yes", by=this_user())
        return self.ask(question)

    def name_what_fits_nothing(self) -> None:
        """Complain, once, of what `--approve` names and no plan has: it approves nothing."""
        if self._complained:
            return
        self._complained = True
        digests = [planned.digest for planned in self.plans]
        commands = [one.action.run for planned in self.plans for one in planned.actions]
        for what in dict.fromkeys(self.named):
            if what in digests or what in commands:
                continue
            if _DIGEST.fullmatch(what):
                now = f"the plan is {', '.join(digests)} now" if digests else "there is no plan"
                message = f"--approve {what}: {now}, so nothing is approved by it"
            else:
                message = f"--approve {what!r}: no step runs that, so nothing is approved by it"
            complain(message, "See the plan, and approve that: sme fix --dry-run")

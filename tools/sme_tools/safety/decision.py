"""From a judgement to what happens: the host's rules, then approvals that stand already."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sme_tools.safety.policy.verdict import Judgement, Verdict
from sme_tools.safety.rules import HostRules


@dataclass(frozen=True)
class Decision:
    """What is to happen with one command on one host."""

    kind: Literal["run", "ask", "deny"]
    reason: str
    approval: str | None = None
    """What stands for an approval where nobody has to be asked: `rule: docker restart *`."""


def decide(
    judgement: Judgement,
    rules: HostRules,
    now: datetime,
    *,
    standing: Callable[[Sequence[str]], str | None] = lambda argv: None,
    proven: str | None = None,
) -> Decision:
    """Decide on a command by verdict, deny rules, mode, allow rules and standing approvals.

    `now` is in local time. `standing` gives the id of an approval that covers these words.
    `proven` names the validated known issue whose undoable, verified step this is.
    """
    if judgement.verdict is Verdict.REFUSED:
        return Decision("deny", judgement.reason)
    for rule in rules.deny:
        if any(_denies(rule, command.argv) for command in judgement.commands):
            return Decision("deny", f"your rule denies it: {rule}")
    if judgement.verdict is Verdict.READ_ONLY:
        return Decision("run", judgement.reason)
    if rules.mode == "observe":
        return Decision("deny", f"the host is only to be observed, and {judgement.reason}")
    granted = _granted(judgement, rules, standing, proven)
    if granted is None:
        return Decision("ask", judgement.reason)
    if not rules.within_window(now):
        return Decision("ask", f"{judgement.reason}; outside of {', '.join(rules.windows)}")
    return Decision("run", judgement.reason, approval=granted)


def _granted(
    judgement: Judgement,
    rules: HostRules,
    standing: Callable[[Sequence[str]], str | None],
    proven: str | None,
) -> str | None:
    """What stands for an approval, if anything does."""
    if judgement.argv is not None:
        for rule in rules.allow:
            if _allows(rule, judgement.argv):
                return f"rule: {rule}"
        if id := standing(judgement.argv):
            return id
    if proven is not None and rules.mode == "auto":
        return f"auto: known issue {proven}"
    return None


def _allows(rule: str, argv: Sequence[str]) -> bool:
    words = shlex.split(rule)
    if words[-1] == "*":
        words.pop()
        if len(argv) <= len(words):
            return False
        argv = argv[: len(words)]
    return len(words) == len(argv) and _match(words, argv)


def _denies(rule: str, argv: Sequence[str]) -> bool:
    """Whether the command begins with the rule's words; what is not known counts as a match."""
    words = shlex.split(rule)
    if words[-1] == "*":
        words.pop()
    # `…` stands for what is only known when it runs: it may be any of the words, or several.
    if any("…" in word for word in argv[: len(words)]):
        return _match(words, [*argv, *[argv[-1]] * len(words)][: len(words)], unknown=True)
    program = argv[0].rpartition("/")[2]
    return len(argv) >= len(words) and _match(words, [program, *argv[1 : len(words)]])


def _match(words: Sequence[str], argv: Sequence[str], *, unknown: bool = False) -> bool:
    return all(
        fnmatch.fnmatchcase(given, word) or (unknown and "…" in given)
        for word, given in zip(words, argv, strict=True)
    )

"""From a judgement to what happens: the host's rules, then approvals that stand already."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sme_tools.safety.own_network import OwnNetwork, fits
from sme_tools.safety.policy.verdict import Judgement, Verdict
from sme_tools.safety.rules import HostRules

MOST_NAMED = 3
"""Strangers that a reason names."""


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
    by_model: bool = False,
    own_network: Callable[[], OwnNetwork] = OwnNetwork,
) -> Decision:
    """Decide on a command by verdict, deny rules, mode, allow rules and standing approvals.

    `now` is in local time. `standing` gives the id of an approval that covers these words.
    `proven` names the validated known issue whose undoable, verified step this is. What a model
    wants (`by_model`) is asked for even if it only reads, where it asks anybody outside who is not
    of the `own_network`: with the question, what the model has read could leave.
    """
    if judgement.verdict is Verdict.REFUSED:
        return Decision("deny", judgement.reason)
    for rule in rules.deny:
        if any(_denies(rule, command.argv) for command in judgement.commands):
            return Decision("deny", f"your rule denies it: {rule}")
    strangers = _strangers(judgement, rules, own_network) if by_model else []
    if judgement.verdict is Verdict.READ_ONLY:
        return _reading(judgement, rules, standing, strangers)
    if rules.mode == "observe":
        return Decision("deny", f"the host is only to be observed, and {judgement.reason}")
    granted = _granted(judgement, rules, standing, proven)
    if granted is None:
        also = f"; {_outside(strangers)}" if strangers else ""
        return Decision("ask", judgement.reason + also)
    if not rules.within_window(now):
        return Decision("ask", f"{judgement.reason}; outside of {', '.join(rules.windows)}")
    return Decision("run", judgement.reason, approval=granted)


def _strangers(
    judgement: Judgement, rules: HostRules, own_network: Callable[[], OwnNetwork]
) -> list[str]:
    """Whom a command asks outside that neither the rules nor the own network know."""
    asked = [h for h in judgement.reaches if not any(fits(known, h) for known in rules.known)]
    if not asked:
        return []
    at_home = own_network()
    return [host for host in asked if not at_home.knows(host)]


def _reading(
    judgement: Judgement,
    rules: HostRules,
    standing: Callable[[Sequence[str]], str | None],
    strangers: Sequence[str],
) -> Decision:
    """What is to happen with a command that only reads. It changes nothing, so modes and windows
    do not matter."""
    if not strangers:
        return Decision("run", judgement.reason)
    granted = _granted(judgement, rules, standing, None)
    if granted is None:
        return Decision("ask", _outside(strangers))
    return Decision("run", judgement.reason, approval=granted)


def _outside(strangers: Sequence[str]) -> str:
    named = ", ".join(strangers[:MOST_NAMED])
    more = f" and {len(strangers) - MOST_NAMED} more" if len(strangers) > MOST_NAMED else ""
    one = "which is" if len(strangers) == 1 else "which are"
    return f"it asks {named}{more}, {one} outside; what a model read could leave with it"


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

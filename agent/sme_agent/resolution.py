"""From a diagnosis to a plan: the steps of a known issue, made ready for one host."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sme_agent.case import Case
from sme_agent.mended import left
from sme_knowledge.known_issue import KnownIssue, Step
from sme_tools.actions.plan import Action, MustClear, Plan, Verify
from sme_tools.checks.conditions import Condition, Holds
from sme_tools.errors import UsageError
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Verdict

_PLAIN = re.compile(r"[A-Za-z0-9@%_+=:,./][A-Za-z0-9@%_+=:,./-]*")
"""What may stand for a parameter: nothing in it means anything to a shell, in quotes or out."""


@dataclass(frozen=True)
class Wish:
    """What a user wants mended, where that is not left to the diagnosis."""

    issue: str | None = None
    """The known issue whose resolution is to be used; None: the proven one."""
    steps: tuple[int, ...] = ()
    """The steps of the resolution, from 1; none: all that can run by themselves."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Values for the words in capitals."""
    hold_s: int | None = None
    """How long each verification must stay true, instead of what the steps say."""
    hosts: tuple[str, ...] = ()
    """Where; none: wherever a known issue is proven."""
    actions: tuple[dict[str, Any], ...] = ()
    """What to do on these hosts, as `Action` documents, where no known issue says it."""
    clears: str | None = None
    """The fingerprint of a finding that must be gone afterwards."""


@dataclass(frozen=True)
class NoPlan:
    """Why there is nothing that could be carried out on a host, and what to do instead."""

    host: str
    reason: str
    remedy: str


def plans(case: Case, wish: Wish) -> list[Plan | NoPlan]:
    """A plan for each host on which a known issue is proven, in the order of the hosts.

    Raises:
        UsageError: the wish names a known issue, a step or a parameter that there is not.
    """
    if wish.actions:
        return [_own_plan(case, host, wish) for host in wish.hosts]
    proven = _proven(case)
    if wish.issue is None and not proven:
        return [_nothing_proven(case)]
    made: list[Plan | NoPlan] = []
    for host in case.hosts:
        if host not in case.facts or (wish.hosts and host not in wish.hosts):
            continue
        if wish.issue is not None:
            made.append(_plan(case, _Cause(_named(case, wish.issue), wish.clears), host, wish))
        elif host in proven:
            made.append(_plan(case, proven[host], host, wish))
    return made or [_nothing_proven(case)]


def _own_plan(case: Case, host: str, wish: Wish) -> Plan | NoPlan:
    if host not in case.hosts:
        return NoPlan(host, "it is no host of this incident", "Name one of its hosts.")
    if case.hosts[host].transport == "replay":
        return NoPlan(host, "a snapshot can't be changed", "Name the host itself.")
    actions = tuple(Action.model_validate(one) for one in wish.actions)
    return Plan(host=host, must_clear=_must_clear(case, wish.clears, host), actions=actions)


def digest(plan: Plan) -> str:
    """What `--approve` names: it fits this plan on this host and no other."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()[:12]


def is_proven_step(issue: KnownIssue | None, action: Action) -> str | None:
    """The issue's id, if its step may run by itself where the host's mode is auto."""
    if issue is None or issue.status != "validated" or not action.can_be_undone:
        return None
    return issue.id


@dataclass(frozen=True)
class _Cause:
    """A known issue to be mended, and the finding that it shows as."""

    issue: KnownIssue
    finding: str | None = None


def _proven(case: Case) -> dict[str, _Cause]:
    """By host, the known issue that its diagnosis rests on: the first root cause there that has
    one and is not mended yet."""
    issues = {issue.id: issue for issue in case.issues}
    found: dict[str, _Cause] = {}
    holding = {
        (seen.host, seen.issue.id) for seen in case.recognised if isinstance(seen.verdict, Holds)
    }
    for host, claim in left(case.incident):
        if claim.known_issue in issues and (host, claim.known_issue) in holding:
            found.setdefault(host, _Cause(issues[claim.known_issue], claim.finding))
    return found


def _named(case: Case, id: str) -> KnownIssue:
    for issue in case.issues:
        if issue.id == id:
            return issue
    raise UsageError(f"there is no known issue {id!r}", remedy="See them: sme issues list")


def _nothing_proven(case: Case) -> NoPlan:
    incident = case.incident
    if not case.facts:
        return NoPlan(
            host=", ".join(case.hosts),
            reason="nothing is known of it, since it was not reached",
            remedy=f"Diagnose it again: sme diagnose {shlex.join(incident.targets)}",
        )
    if any(one.outcome.host_state == "new" for one in incident.repairs):
        return NoPlan(
            host=", ".join(case.hosts),
            reason="what could be mended by a known issue is mended",
            remedy=f"See whether all is well: sme diagnose {shlex.join(incident.targets)}",
        )
    return NoPlan(
        host=", ".join(case.hosts),
        reason="no known issue is proven, so there is no resolution to carry out",
        remedy=f"See what to do by hand: sme incidents show {incident.id}. "
        "If you know which issue it is: --issue ID",
    )


def _plan(case: Case, cause: _Cause, host: str, wish: Wish) -> Plan | NoPlan:
    issue = cause.issue
    if case.hosts[host].transport == "replay":
        return NoPlan(host, "a snapshot can't be changed", "Name the host itself.")
    show = f"sme issues show {issue.id}"
    chosen = _steps(issue, wish.steps)
    if not chosen:
        return NoPlan(
            host,
            f"the resolution of {issue.id} has no step that can run by itself",
            f"Do it by hand: {show}",
        )
    try:
        values = _values(case, issue, host, chosen, wish.parameters)
        actions = tuple(_action(step, values, wish.hold_s) for step in chosen)
    except _Open as open_:
        return NoPlan(host, str(open_), f"Say it: --set {open_.name}=… ({show})")
    clear = _must_clear(case, cause.finding, host)
    return Plan(host=host, issue=issue.id, must_clear=clear, actions=actions)


def _steps(issue: KnownIssue, numbers: Sequence[int]) -> list[Step]:
    steps = issue.resolution
    if numbers:
        for number in numbers:
            if not 1 <= number <= len(steps):
                raise UsageError(
                    f"{issue.id} has no step {number}; it has {len(steps)}",
                    remedy=f"See them: sme issues show {issue.id}",
                )
            if steps[number - 1].by_hand:
                raise UsageError(
                    f"step {number} of {issue.id} is for a person: {steps[number - 1].title}",
                    remedy=f"Read it: sme issues show {issue.id}",
                )
        return [steps[number - 1] for number in numbers]
    return [
        step
        for step in steps
        if not step.by_hand
        and not step.alternative
        and judge(step.run).verdict is not Verdict.READ_ONLY
    ]


class _Open(Exception):
    """A parameter without a value."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} is open: {why}")
        self.name = name


def _values(
    case: Case, issue: KnownIssue, host: str, steps: Sequence[Step], given: Mapping[str, str]
) -> dict[str, str]:
    """The values of the parameters that these steps use. Raises _Open, UsageError."""
    for name in given:
        if name not in issue.parameters:
            there = ", ".join(issue.parameters) or "none"
            raise UsageError(f"{issue.id} has no parameter {name!r}; it has {there}")
    text = "\n".join(part for step in steps for part in _texts(step))
    values = {}
    for name in issue.parameters:
        if not re.search(rf"\b{name}\b", text):
            continue
        value = given[name] if name in given else _observed(case, issue, host, name)
        if not _PLAIN.fullmatch(value):
            # A value comes from the host, and the host may be hostile.
            raise _Open(name, f"{value[:60]!r} can't be put into a command safely")
        values[name] = value
    return values


def _texts(step: Step) -> list[str]:
    parts = [step.run, step.undo, step.verify.run, step.verify.when, *step.pre_state]
    return [part for part in [*parts, *step.keep_files] if part]


def _observed(case: Case, issue: KnownIssue, host: str, name: str) -> str:
    parameter = issue.parameters[name]
    if parameter.value is None:
        raise _Open(name, parameter.about)
    context = case.context(host)
    signature = issue.signature
    candidates: list[dict[str, object]] = [{}]
    if signature is not None and signature.each is not None:
        verdict = case.condition(signature.when, host, signature.each)
        bound = signature.each.rpartition(" as ")[2]
        items = verdict.items if isinstance(verdict, Holds) else ()
        candidates = [{bound: item} for item in items]
    found = {
        value
        for variables in candidates
        if isinstance(
            value := Condition.compile(parameter.value).text_value(context, variables), str
        )
    }
    if len(found) != 1:
        said = f"it may be any of {', '.join(sorted(found))}" if found else parameter.about
        raise _Open(name, said)
    return found.pop()


def _action(step: Step, values: Mapping[str, str], hold_s: int | None) -> Action:
    names = re.compile(rf"\b(?:{'|'.join(values)})\b") if values else None

    def put(text: str) -> str:
        return names.sub(lambda found: values[found[0]], text) if names else text

    verify = step.verify
    return Action(
        title=step.title,
        run=put(step.run),
        undo=put(step.undo) if step.undo else None,
        verify=Verify(
            when=put(verify.when) if verify.when else None,
            run=put(verify.run) if verify.run else None,
            exit_codes=tuple(verify.exit_codes),
        ),
        pre_state=tuple(put(command) for command in step.pre_state),
        keep_files=tuple(put(path) for path in step.keep_files),
        timeout_s=step.timeout_s,
        hold_s=step.hold_s if hold_s is None else hold_s,
    )


def _must_clear(case: Case, finding: str | None, host: str) -> tuple[MustClear, ...]:
    """The finding that is the cause, if it is one; what it has brought about may outlast it."""
    return tuple(
        MustClear(fingerprint=one.fingerprint, check=one.check)
        for one in case.incident.findings
        if one.fingerprint == finding and one.host == host
    )

"""The tool that proposes a change: it is checked here, and decided on by the person."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from sme_agent.model.arguments import FixStep, ProposeFix
from sme_agent.model.bench import Bench, Fixing, Refusal, id_of
from sme_agent.resolution import Wish
from sme_tools.actions.plan import Action, Verify
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Verdict

OWN_HOLD_S = 10
"""How long a verification that a model wrote must stay true."""


def propose_fix(asked: ProposeFix, bench: Bench) -> Fixing:
    """A known issue's resolution, or steps of the model's own."""
    host = bench.host(asked.host)
    if not bench.desk.may_fix:
        raise Refusal(bench.present.text("nobody_there"))
    finding = bench.finding(asked.finding) if asked.finding else None
    if asked.finding and finding is None:
        near = [id_of(one) for one in bench.case.incident.findings]
        raise bench.no_such("finding", asked.finding, near[:8])
    clears = finding.fingerprint if finding else None
    if asked.known_issue:
        return Fixing(_of_issue(asked, bench, host, clears))
    problems = [problem for step in asked.steps for problem in _problems(step)]
    if problems:
        raise Refusal(bench.present.text("plan_refused", problems=problems))
    try:
        actions = tuple(_action(step) for step in asked.steps)
    except ValidationError as error:
        raise Refusal(bench.present.text("bad_arguments", errors=error.errors())) from error
    documents = tuple(action.model_dump(mode="json") for action in actions)
    return Fixing(Wish(hosts=(host,), actions=documents, clears=clears))


def _of_issue(asked: ProposeFix, bench: Bench, host: str, clears: str | None) -> Wish:
    issue = next((one for one in bench.case.issues if one.id == asked.known_issue), None)
    if issue is None:
        near = [one.id for one in bench.case.issues]
        raise bench.no_such("known issue", asked.known_issue, near[:8])
    unknown = sorted(set(asked.parameters) - set(issue.parameters))
    if unknown:
        near = list(issue.parameters)
        raise bench.no_such("parameter", unknown[0], near)
    return Wish(issue=issue.id, parameters=asked.parameters, hosts=(host,), clears=clears)


def _problems(step: FixStep) -> Iterator[tuple[str, str]]:
    """Commands that can't be part of a change, and why; the person is not bothered with them."""
    for command in filter(None, (step.run, step.undo)):
        judgement = judge(command)
        if judgement.verdict is Verdict.REFUSED:
            yield command, judgement.reason
    judgement = judge(step.verify)
    if judgement.verdict is not Verdict.READ_ONLY:
        yield step.verify, f"a verification only reads: {judgement.reason}"


def _action(step: FixStep) -> Action:
    return Action(
        title=step.title,
        run=step.run,
        undo=step.undo,
        verify=Verify(run=step.verify),
        keep_files=tuple(step.keep_files),
        hold_s=OWN_HOLD_S,
    )

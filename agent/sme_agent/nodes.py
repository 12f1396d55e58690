"""The steps of the method, one function each. Every step is saved before the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from sme_agent.commands import Commands
from sme_agent.diagnosis import diagnose, priority
from sme_agent.events import (
    Event,
    HostFailed,
    StepStarted,
)
from sme_agent.mended import is_resolved
from sme_agent.reach import Plan
from sme_agent.reasoner import Desk, Next
from sme_agent.recall import recall
from sme_agent.state import (
    CallAnswer,
    Ending,
    InvestigationState,
    Request,
)
from sme_agent.workspace import Workspace
from sme_memory.incident import Incident, Step, TimelineEntry
from sme_tools.actions.outcome import Outcome
from sme_tools.checks.conditions import Holds
from sme_tools.hosts.purpose import Purpose, this_user
from sme_tools.observe import Observation
from sme_tools.probes.registry import probes

UNTRIED = (Outcome.DECLINED, Outcome.REFUSED, Outcome.CANNOT_FIX)
"""Nothing was begun, so nothing was learned of the resolution."""


class Nodes:
    """The nodes of the graph, over one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace
        self._case = workspace.case
        self._commands = Commands(workspace, self._tell, self._save)

    def observe(self, state: InvestigationState) -> InvestigationState:
        """Run the baseline probes on every host and judge the checks."""
        hosts = ", ".join(state["look"])
        round_ = state["round"] + 1
        self._begin("observe", f"looking at {hosts}")
        self._look(baseline(state["look"]), first_look(self._case.incident), round_)
        found = len(self._case.incident.findings)
        self._save("observe", f"{found} findings on {hosts}")
        return {**state, "round": round_}

    def recall(self, state: InvestigationState) -> InvestigationState:
        """Look up known issues by signature and by text, and past incidents."""
        self._begin("recall", "comparing with what is known")
        text = recall(self._case, self._at.retriever, self._at.incidents)
        self._save("recall", text)
        return state

    def reason(self, state: InvestigationState) -> InvestigationState:
        """Let the reasoner weigh the hypotheses and say what to look at next."""
        self._case.answers = [*state["answers"], *_what_came_of_the_fix(state)]
        next_ = self._at.reasoner.reason(self._case, self._desk(state))
        incident = self._case.incident
        incident.diagnosis = next_.conclusion or incident.diagnosis
        board = incident.hypotheses
        open_ = sum(h.status == "open" for h in board)
        asked = "; ".join(f"{r['host']}: {_what(r)} ({r['why']})" for r in next_.requests)
        then = asked or ("mend it" if next_.fix else "answer" if next_.answered else "conclude")
        redact = self._at.reach.redactor.text
        self._save("reason", redact(f"{len(board)} hypotheses, {open_} open. Next: {then}"))
        return {
            **state,
            "requests": next_.requests,
            "answers": [],
            "wish": asdict(next_.fix) if next_.fix else {},
            "fixing": next_.call,
            "ending": _ending(next_),
        }

    def _desk(self, state: InvestigationState) -> Desk:
        return Desk(
            tell=self._tell,
            cancelled=self._at.reach.cancelled,
            retriever=self._at.retriever,
            incidents=self._at.incidents,
            talks=state["goal"] == "talk",
            may_fix=state["goal"] == "talk" and self._at.person_is_there,
        )

    def permit(self, state: InvestigationState) -> InvestigationState:
        """Let the policy, the host's rules or a person decide on the commands that were asked for.

        What is not allowed does not run, and the reasoner hears why.
        """
        once = {(r["host"], r["command"]): r for r in reversed(state["requests"]) if "command" in r}
        return {**state, "allowed": self._commands.permit(list(reversed(once.values())))}

    def act(self, state: InvestigationState) -> InvestigationState:
        """Run the probes and commands that were asked for, the probes in one round trip a host."""
        round_ = state["round"] + 1
        why = "; ".join(dict.fromkeys(request["why"] for request in state["requests"]))
        self._begin("act", f"looking deeper: {why}")
        plan: dict[str, list[str]] = {}
        for request in state["requests"]:
            if "probes" in request:
                plan.setdefault(request["host"], []).extend(request["probes"])
        incident = self._case.incident.id
        self._look(plan, Purpose.of_probes(self._at.reasoner.name, why, incident=incident), round_)
        answers = self._commands.run(state["allowed"], round_)
        for request in state["requests"]:
            if "call" in request and request["call"] not in answers:
                twin = next((a for r, a in _answered(state, answers) if _same(r, request)), None)
                answer = twin or self._answer(request, round_)
                answers[request["call"]] = {**answer, "call": request["call"]}
        self._save("act", f"looked deeper: {why}")
        return {
            **state,
            "round": round_,
            "requests": [],
            "allowed": [],
            "answers": list(answers.values()),
        }

    def _answer(self, request: Request, round: int) -> CallAnswer:
        """What came of a request of which no command ran."""
        call, host = request.get("call", ""), request["host"]
        if "command" in request:
            denied = [d for d in self._case.denied if d.host == host]
            exact = [d for d in denied if d.command == request["command"]] or denied
            return CallAnswer(call=call, evidence=[], failed=exact[-1].reason, changes=[])
        if host in self._case.incident.unreachable:
            why = self._case.incident.unreachable[host]
            return CallAnswer(call=call, evidence=[], failed=why, changes=[])
        wanted = {f"{host}/{probe}#{round}" for probe in request["probes"]}
        found = [id for id in self._case.evidence if id in wanted]
        return CallAnswer(call=call, evidence=found, failed="", changes=[])

    def analyze(self, state: InvestigationState) -> InvestigationState:
        """State the diagnosis, with the evidence it rests on."""
        self._begin("analyze", "weighing causes")
        incident = self._case.incident
        if state["ending"] != "concluded" or incident.diagnosis is None:
            incident.diagnosis = diagnose(self._case)
        incident.priority = priority(self._case)
        incident.status = "resolved" if state["made"] and _is_over(incident) else "diagnosed"
        incident.ended_at = datetime.now(UTC)
        self._save("analyze", incident.diagnosis.summary)
        return state

    def learn(self, state: InvestigationState) -> InvestigationState:
        """Write to the evolution log what this investigation, or a fix, showed."""
        incident = self._case.incident
        diagnosed = state["goal"] in ("diagnose", "talk") and state["ending"] != "answered"
        if diagnosed:
            self._learn_diagnosis()
        made = {*state["changes"], *state["made"]}
        for repair in incident.repairs:
            if repair.issue is None or repair.change not in made:
                continue
            if repair.outcome in UNTRIED:
                continue
            self._at.log.append(
                "fix.held" if repair.outcome.host_state == "new" else "fix.failed",
                actor=self._at.reasoner.name,
                subject=repair.issue,
                data={
                    "incident": incident.id,
                    "host": repair.host,
                    "change": repair.change,
                    "outcome": repair.outcome.value,
                },
            )
        mended = sum(repair.outcome.host_state == "new" for repair in incident.repairs)
        tried = f"; {mended} of {len(incident.repairs)} changes held" if incident.repairs else ""
        if diagnosed or made:
            self._at.reasoner.learn(self._case, self._desk(state))
            self._save("learn", f"recorded{tried}")
        return state

    def _learn_diagnosis(self) -> None:
        incident = self._case.incident
        for issue in sorted(
            {r.issue.id for r in self._case.recognised if isinstance(r.verdict, Holds)}
        ):
            self._at.log.append(
                "issue.recognised",
                actor=self._at.reasoner.name,
                subject=issue,
                data={"incident": incident.id, "hosts": incident.hosts},
            )
        assert incident.diagnosis is not None
        self._at.log.append(
            "incident.diagnosed",
            actor=self._at.reasoner.name,
            subject=incident.id,
            data={
                "verdict": incident.diagnosis.verdict,
                "root_causes": [claim.text for claim in incident.diagnosis.root_causes],
                "fingerprints": [finding.fingerprint for finding in incident.findings],
            },
        )

    def _look(self, plan: Plan, purpose: Purpose, round: int) -> None:
        """Run probes and take what they say into the case; then judge anew.

        Raises:
            Interrupted: the user wants to stop; what came until then is in the case.
        """
        case = self._case
        try:
            for event in self._at.reach.look(plan, purpose, round):
                if isinstance(event, Observation):
                    case.take(event.facts, event.evidence)
                    case.incident.unreachable.pop(event.facts.host, None)
                    continue
                if isinstance(event, HostFailed):
                    case.incident.unreachable[event.host] = event.reason
                    case.remedies[event.host] = event.remedy
                self._tell(event)
        finally:
            case.judge()

    def _begin(self, step: Step, text: str) -> None:
        self._at.reach.heed_cancellation()
        self._tell(StepStarted(step, text))

    def _tell(self, event: Event) -> None:
        from langgraph.config import get_stream_writer

        get_stream_writer()(event)

    def _save(self, step: Step, text: str) -> None:
        """Save the incident with this step's entry and whatever evidence is new."""
        case = self._case
        entry = TimelineEntry(step=step, text=text, evidence=list(case.unsaved))
        evidence = [case.evidence[id] for id in case.unsaved]
        self._at.incidents.save_step(case.incident, evidence, entry)
        case.unsaved.clear()


def baseline(hosts: Iterable[str]) -> dict[str, list[str]]:
    """The probes of level 1, for each of these hosts."""
    ids = [probe.id for probe in probes().values() if probe.level == 1]
    return dict.fromkeys(hosts, ids)


def first_look(incident: Incident) -> Purpose:
    """What the baseline is looked at for: whoever began the incident wants it."""
    why = f"diagnose: {incident.symptom}" if incident.symptom else "diagnose"
    return Purpose.of_probes(this_user(), why, incident=incident.id)


def _answered(
    state: InvestigationState, answers: dict[str, CallAnswer]
) -> Iterator[tuple[Request, CallAnswer]]:
    for request in state["requests"]:
        if (call := request.get("call")) in answers:
            yield request, answers[call]


def _same(one: Request, other: Request) -> bool:
    """Whether two calls ask for one command."""
    return (
        "command" in one
        and "command" in other
        and (one["host"], one["command"]) == (other["host"], other["command"])
    )


def _is_over(incident: Incident) -> bool:
    """Whether what the diagnosis names was mended, and is not found any more."""
    found = {finding.fingerprint for finding in incident.findings}
    causes = incident.diagnosis.root_causes if incident.diagnosis else []
    return is_resolved(incident) and not any(cause.finding in found for cause in causes)


def _what_came_of_the_fix(state: InvestigationState) -> list[CallAnswer]:
    if not state["fixing"] or not state["changes"]:
        return []
    return [CallAnswer(call=state["fixing"], evidence=[], failed="", changes=state["changes"])]


def _ending(next_: Next) -> Ending:
    if next_.requests or next_.fix:
        return ""
    if next_.answered:
        return "answered"
    return "concluded" if next_.conclusion else "analyze"


def _what(request: Request) -> str:
    return request["command"] if "command" in request else ", ".join(request["probes"])

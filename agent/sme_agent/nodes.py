"""The steps of the method, one function each. Every step is saved before the next begins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sme_agent.diagnosis import diagnose, priority
from sme_agent.events import Event, HostFailed, StepStarted
from sme_agent.reach import Plan
from sme_agent.recall import recall
from sme_agent.state import InvestigationState
from sme_agent.workspace import Workspace
from sme_memory.incident import Incident, Step, TimelineEntry
from sme_tools.checks.conditions import Holds
from sme_tools.hosts.purpose import Purpose, this_user
from sme_tools.observe import Observation
from sme_tools.probes.registry import probes


class Nodes:
    """The nodes of the graph, over one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace
        self._case = workspace.case

    def observe(self, state: InvestigationState) -> InvestigationState:
        """Run the baseline probes on every host and judge the checks."""
        hosts = ", ".join(self._case.hosts)
        self._begin("observe", f"looking at {hosts}")
        self._look(baseline(self._case.hosts), first_look(self._case.incident), round=1)
        found = len(self._case.incident.findings)
        self._save("observe", f"{found} findings on {hosts}")
        return {**state, "round": 1}

    def recall(self, state: InvestigationState) -> InvestigationState:
        """Look up known issues by signature and by text, and past incidents."""
        self._begin("recall", "comparing with what is known")
        text = recall(self._case, self._at.retriever, self._at.incidents)
        self._save("recall", text)
        return state

    def reason(self, state: InvestigationState) -> InvestigationState:
        """Let the reasoner weigh the hypotheses and say what to look at next."""
        requests = self._at.reasoner.reason(self._case)
        board = self._case.incident.hypotheses
        open_ = sum(h.status == "open" for h in board)
        asked = "; ".join(f"{r['host']}: {', '.join(r['probes'])} ({r['why']})" for r in requests)
        self._save("reason", f"{len(board)} hypotheses, {open_} open. Next: {asked or 'conclude'}")
        return {**state, "requests": requests}

    def act(self, state: InvestigationState) -> InvestigationState:
        """Run the probes that the reasoner asked for, in one round trip a host."""
        round_ = state["round"] + 1
        why = "; ".join(dict.fromkeys(request["why"] for request in state["requests"]))
        self._begin("act", f"looking deeper: {why}")
        plan: dict[str, list[str]] = {}
        for request in state["requests"]:
            plan.setdefault(request["host"], []).extend(request["probes"])
        incident = self._case.incident.id
        self._look(plan, Purpose.of_probes(self._at.reasoner.name, why, incident=incident), round_)
        self._save("act", f"looked deeper: {why}")
        return {**state, "round": round_, "requests": []}

    def analyze(self, state: InvestigationState) -> InvestigationState:
        """State the diagnosis, with the evidence it rests on."""
        self._begin("analyze", "weighing causes")
        incident = self._case.incident
        incident.diagnosis = diagnose(self._case)
        incident.priority = priority(self._case)
        incident.status = "diagnosed"
        incident.ended_at = datetime.now(UTC)
        self._save("analyze", incident.diagnosis.summary)
        return state

    def learn(self, state: InvestigationState) -> InvestigationState:
        """Write to the evolution log what this investigation showed."""
        incident = self._case.incident
        confirmed = sorted(
            {r.issue.id for r in self._case.recognised if isinstance(r.verdict, Holds)}
        )
        for issue in confirmed:
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
        self._save("learn", f"recorded; known issues recognised: {', '.join(confirmed) or 'none'}")
        return state

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

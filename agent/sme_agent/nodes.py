"""The steps of the method, one function each. Every step is saved before the next begins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sme_agent.case import Denial
from sme_agent.diagnosis import diagnose, priority
from sme_agent.events import CommandDone, Denied, Event, HostFailed, StepStarted
from sme_agent.questions import Answer, Question, put
from sme_agent.reach import Plan
from sme_agent.recall import recall
from sme_agent.state import AllowedCommand, CommandRequest, InvestigationState, Request
from sme_agent.workspace import Workspace
from sme_memory.incident import Incident, Step, TimelineEntry
from sme_tools.actions.outcome import Outcome
from sme_tools.checks.conditions import Holds
from sme_tools.errors import HostError
from sme_tools.hosts.purpose import Purpose, Right, this_user
from sme_tools.observe import Observation
from sme_tools.probes.registry import probes
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Verdict

UNTRIED = (Outcome.DECLINED, Outcome.REFUSED, Outcome.CANNOT_FIX)
"""Nothing was begun, so nothing was learned of the resolution."""


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
        asked = "; ".join(f"{r['host']}: {_what(r)} ({r['why']})" for r in requests)
        self._save("reason", f"{len(board)} hypotheses, {open_} open. Next: {asked or 'conclude'}")
        return {**state, "requests": requests}

    def permit(self, state: InvestigationState) -> InvestigationState:
        """Let the policy, the host's rules or a person decide on the commands that were asked for.

        What is not allowed does not run, and the reasoner hears why.
        """
        once = {(r["host"], r["command"]): r for r in state["requests"] if "command" in r}
        wanted = list(once.values())
        asked = {
            number: question
            for number, request in enumerate(wanted)
            if (question := self._question(request)) is not None
        }
        # Until all are answered nothing is done: an interrupted node runs again from its start.
        answers = put(list(asked.values()))
        allowed = []
        for number, request in enumerate(wanted):
            question = asked.get(number)
            leave = (
                self._leave(request)
                if question is None
                else self._answered(request, question, answers[question.request])
            )
            allowed += [leave] if leave is not None else []
        return {**state, "allowed": allowed}

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
        for number, command in enumerate(state["allowed"], 1):
            self._run(command, f"command.{number}", round_)
        self._save("act", f"looked deeper: {why}")
        return {**state, "round": round_, "requests": [], "allowed": []}

    def _question(self, request: CommandRequest) -> Question | None:
        """What a person has to be asked before this runs; None if it is decided without."""
        host = self._case.hosts.get(request["host"])
        if host is None:
            return None
        decision = self._at.permission.judge(host, request["command"])
        if decision.kind != "ask":
            return None
        return self._at.permission.question(
            host, request["command"], why=request["why"], reason=decision.reason
        )

    def _leave(self, request: CommandRequest) -> AllowedCommand | None:
        """What lets this command run without asking; None if nothing does."""
        host = self._case.hosts.get(request["host"])
        if host is None:
            self._deny(request, "there is no such host in this incident")
            return None
        judgement = judge(request["command"])
        decision = self._at.permission.judge(host, request["command"])
        if decision.kind != "run":
            instead = f"; instead: {judgement.instead}" if judgement.instead else ""
            self._deny(request, decision.reason + instead)
            return None
        right: Right = "read-only" if judgement.verdict is Verdict.READ_ONLY else "change"
        return AllowedCommand(
            **request, verdict=right, reason=decision.reason, approval=decision.approval
        )

    def _answered(
        self, request: CommandRequest, question: Question, answer: Answer
    ) -> AllowedCommand | None:
        """What a person's answer lets run."""
        permission = self._at.permission
        host = self._case.hosts[request["host"]]
        permission.grant(question, answer)
        used = permission.use(host, request["command"]) if answer.reply != "no" else None
        if used is None:
            self._deny(request, answer.reason or f"{answer.by} said no")
            return None
        return AllowedCommand(**request, verdict="change", reason=question.reason, approval=used.id)

    def _deny(self, request: CommandRequest, reason: str) -> None:
        host, command = request["host"], request["command"]
        self._at.permission.note_refusal(host, command, why=request["why"], reason=reason)
        self._case.denied.append(Denial(host, command, reason))
        self._tell(Denied(host, command, reason))
        redact = self._at.reach.redactor.text
        self._save("act", redact(f"{host}: did not run {command}: {reason}"))

    def _run(self, command: AllowedCommand, name: str, round: int) -> None:
        """Run one allowed command and keep what it says as evidence."""
        purpose = Purpose(
            self._at.reasoner.name,
            command["why"],
            command["verdict"],
            command["reason"],
            approval=command["approval"],
            incident=self._case.incident.id,
        )
        try:
            evidence = self._at.reach.run(command["host"], name, command["command"], purpose, round)
        except HostError as error:
            self._tell(HostFailed(command["host"], error.message, error.remedy))
            self._case.denied.append(Denial(command["host"], command["command"], str(error)))
            return
        self._case.keep(evidence)
        self._tell(
            CommandDone(
                evidence.host, evidence.command, evidence.exit_code, evidence.duration_s, 1, 1
            )
        )

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
        """Write to the evolution log what this investigation, or a fix, showed."""
        incident = self._case.incident
        if state["goal"] == "diagnose":
            self._learn_diagnosis()
        for repair in incident.repairs:
            if repair.issue is None or repair.change not in state["changes"]:
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


def _what(request: Request) -> str:
    return request["command"] if "command" in request else ", ".join(request["probes"])

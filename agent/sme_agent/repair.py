"""The steps that change something: plan, approve, fix, verify, undo. Each is a node of the graph.

What is done on a host is a transaction (`sme_tools.actions`), whose own record says where it
stands; a node that runs again after a kill goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

from sme_agent.events import Changing, Event, Planned, PlannedAction, Unplanned
from sme_agent.open_changes import OpenChanges
from sme_agent.permission import Permission
from sme_agent.questions import Answer, Question, put
from sme_agent.resolution import NoPlan, Wish, digest, is_proven_step, plans
from sme_agent.state import CallAnswer, InvestigationState, Turn
from sme_agent.workspace import Workspace
from sme_knowledge.known_issue import KnownIssue
from sme_memory.incident import Step, TimelineEntry
from sme_tools.actions.events import Ended, StoodStill
from sme_tools.actions.journal import Change
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import Action, Plan
from sme_tools.actions.transaction import StepName, Transaction
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import this_user
from sme_tools.safety.decision import Decision
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Verdict

READS = "policy: read-only"
"""Stands for an approval of what needs none."""

_TURNS: dict[StepName, Turn] = {
    "approve": "approve",
    "lock": "fix",
    "prepare": "fix",
    "apply": "fix",
    "verify": "verify",
    "undo": "undo",
    "close": "verify",
}


class Repairs:
    """The nodes that change something, over one workspace. Close it."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace
        self._case = workspace.case
        self._changes = OpenChanges(workspace)

    def plan(self, state: InvestigationState) -> InvestigationState:
        """Make a plan for each host on which a known issue is proven; change nothing."""
        self._at.reach.heed_cancellation()
        self._changes.drop_what_never_began()
        ids = []
        unplanned = []
        for made in plans(self._case, Wish(**state["wish"])):
            if isinstance(made, NoPlan):
                unplanned.append(f"{made.host}: {made.reason}. {made.remedy}")
                self._tell(Unplanned(made.host, made.reason, made.remedy))
                self._save("plan", f"{made.host}: {made.reason}")
                continue
            change = self._change_of(made)
            self._at.changes.save(change)
            ids.append(change.id)
            self._tell(self.preview(change))
            self._save("plan", f"{made.host}: {len(made.actions)} steps of {made.issue}")
        answers = list(state["answers"])
        if state["fixing"] and not ids:
            why = "; ".join(unplanned)
            answers.append(CallAnswer(call=state["fixing"], evidence=[], failed=why, changes=[]))
        return {
            **state,
            "answers": answers,
            "changes": ids,
            "made": [*state["made"], *ids],
            "turn": "approve" if ids else "learn",
        }

    def previews(self, wish: Wish) -> Iterator[Planned | Unplanned]:
        """What `plan` would make; nothing is kept."""
        for made in plans(self._case, wish):
            if isinstance(made, NoPlan):
                yield Unplanned(made.host, made.reason, made.remedy)
            else:
                yield self.preview(self._change_of(made))

    def _change_of(self, plan: Plan) -> Change:
        incident = self._case.incident.id
        return Change.begin(plan, actor=self._at.permission.actor, incident=incident)

    def preview(self, change: Change) -> Planned:
        """The plan with what the policy says of each step."""
        host = self._case.hosts[change.plan.host]
        issue = self._issue(change.plan)
        actions = tuple(
            PlannedAction(action, judge(action.run).verdict, self._decision(host, issue, action))
            for action in change.plan.actions
        )
        return Planned(change.id, change.plan, digest(change.plan), actions, issue)

    def approve(self, state: InvestigationState) -> InvestigationState:
        """Have the next step approved: by the host's rules, or by a person."""
        transaction = self._changes.current(state["changes"])
        step = transaction.next_step
        assert step is not None
        plan = transaction.change.plan
        host, action = self._case.hosts[plan.host], plan.actions[step.action]
        decision = self._decision(host, self._issue(plan), action)
        if decision.kind == "deny":
            self._at.permission.note_refusal(
                host.name, action.run, why=action.title, reason=decision.reason
            )
            return self._declined(state, transaction, decision.reason, Outcome.REFUSED)
        if decision.kind == "run":
            transaction.approve(step.action, decision.approval or READS)
            return self._next(state)
        if (used := self._at.permission.use(host, action.run)) is not None:
            transaction.approve(step.action, used.id)  # somebody said yes elsewhere
            return self._next(state)
        started = transaction.change.started_at
        answer = self._at.permission.denied_elsewhere(host, action.run, started)
        if answer is None:
            question = self._question(transaction.change, step.action, decision)
            answer = put([question])[question.request]
            self._grant(transaction, step.action, question, answer)
        if answer.reply == "no":
            said = f"{answer.by} said no{f': {answer.reason}' if answer.reason else ''}"
            return self._declined(state, transaction, said, Outcome.DECLINED)
        if answer.reply == "plan":
            self._grant_the_rest(state, answer)
        return self._next(state)

    def fix(self, state: InvestigationState) -> InvestigationState:
        """Keep the former state of the host, then run the step's command."""
        self._remember_facts(self._changes.current(state["changes"]).change.plan.host)
        return self._go(state, "fix", {"lock", "prepare", "apply"})

    def verify(self, state: InvestigationState) -> InvestigationState:
        """Observe anew until what the step should have brought about has held for its time."""
        return self._go(state, "verify", {"lock", "verify", "close"})

    def undo(self, state: InvestigationState) -> InvestigationState:
        """Take back what was done, in reverse order, and look at what the host is like."""
        return self._go(state, "undo", {"lock", "undo", "close"})

    def _remember_facts(self, host: str) -> None:
        """Keep what is known of a host before the first change; what is learned is held to it."""
        incident = self._case.incident
        if host in incident.facts and host not in incident.facts_before:
            incident.facts_before[host] = deepcopy(incident.facts[host])  # a later look adds to it
            incident.findings_before += [one for one in incident.findings if one.host == host]

    def roll_out(self, state: InvestigationState) -> InvestigationState:
        """After the first host: the approved plan on the others, batch by batch."""
        from sme_tools.actions.rollout import roll_out

        by_host = {change.plan.host: change for change in self._changes.of(state["changes"])}
        waiting = [host for host, change in by_host.items() if change.phase != "ended"]

        for host in waiting:
            self._remember_facts(host)

        def change_one(host: str) -> Outcome:
            transaction = self._changes.transaction(by_host[host])
            for _ in transaction.advance():
                self._at.reach.heed_cancellation()
            return transaction.change.outcome or Outcome.INTERRUPTED

        def batch_done(hosts: object, rollout: object) -> None:
            for host in waiting:
                change = by_host[host]
                if change.outcome is not None and not self._changes.is_recorded(change):
                    event = Ended if change.outcome.is_final else StoodStill
                    self._tell(Changing(host, change.id, event(change.outcome, change.reason)))
                    self._changes.record(change)

        rollout = roll_out(waiting, change_one, batch_done=batch_done)
        for error in rollout.errors.values():
            raise error
        return self._next(state)

    def resume(self, state: InvestigationState) -> InvestigationState:
        """Find the changes that are not over, and go on with them or take them back."""
        over = self._changes.catch_up()
        waiting = self._changes.waiting(back=state["goal"] == "undo")
        for change in waiting:
            if state["goal"] == "undo":
                self._changes.turn_back(change, f"{this_user()} wanted it taken back")
                continue
            self._changes.go_on(change)
            if change.phase == "open":
                self._tell(self.preview(change))
        ids = [change.id for change in [*over, *waiting]]
        return self._next({**state, "changes": list(dict.fromkeys(ids))})

    def close(self) -> None:
        """End the connections of all changes."""
        self._changes.close()

    def _go(
        self, state: InvestigationState, name: Step, steps: set[StepName]
    ) -> InvestigationState:
        """Carry the current change on while its next step is one of these."""
        transaction = self._changes.current(state["changes"])
        change = transaction.change
        while (step := transaction.next_step) is not None and step.name in steps:
            self._at.reach.heed_cancellation()
            for event in transaction.step():
                self._tell(Changing(change.plan.host, change.id, event))
                self._at.reach.heed_cancellation()
            if transaction.stands_still:
                break
        self._save(name, f"{change.plan.host}: {_stands(change)}")
        if change.outcome is not None:
            self._changes.record(change)
        return {**state, "turn": "stop"} if transaction.stands_still else self._next(state)

    def _next(self, state: InvestigationState) -> InvestigationState:
        """Whose turn it is, by the records of the changes alone."""
        turn: Turn = "learn"
        for number, change in enumerate(self._changes.of(state["changes"])):
            if change.outcome is not None and change.outcome.host_state != "new":
                self._leave_the_rest(self._changes.of(state["changes"])[number + 1 :], change)
                turn = "learn" if change.outcome.is_final else "stop"
                if change.outcome.is_final and change.phase != "ended":
                    turn = "undo"
                break
            if change.phase == "ended":
                continue
            step = self._changes.transaction(change).next_step
            assert step is not None
            turn = _TURNS[step.name]
            rest = self._changes.of(state["changes"])[number:]
            if number and all(action.approval for one in rest for action in one.actions):
                turn = "roll out"
            break
        return {**state, "turn": turn, "look": self._changed(state)}

    def _changed(self, state: InvestigationState) -> list[str]:
        """The hosts on which something was done: what is known of them is out of date."""
        return [
            change.plan.host for change in self._changes.of(state["changes"]) if change.has_begun
        ]

    def _leave_the_rest(self, rest: list[Change], failed: Change) -> None:
        """What comes after a change that failed is not begun."""
        for change in rest:
            if change.outcome is None and not change.has_begun:
                transaction = self._changes.transaction(change)
                transaction.decline(f"not begun, since {failed.plan.host} was not mended")
                for _ in transaction.advance():
                    pass
                self._changes.record(change)

    def _decision(self, host: Host, issue: KnownIssue | None, action: Action) -> Decision:
        """What is to happen with a step: the gravest of what holds for any of its commands."""
        permission = self._at.permission
        if issue is None:  # a model wrote it, whoever goes on with it
            permission = replace(permission, by_model=True)
        for look in action.pre_state:
            if judge(look).verdict is not Verdict.READ_ONLY:
                return Decision("deny", f"{look}: what records the state before may only read")
        for command in [*action.pre_state, action.verify.run, action.undo]:
            if command is None:
                continue
            decision = permission.judge(host, command)
            if decision.kind == "deny" and host.policy.mode != "observe":
                return replace(decision, reason=f"{command}: {decision.reason}")
        decision = permission.judge(host, action.run, proven=is_proven_step(issue, action))
        outside = _asks_outside(permission, host, action)
        if not outside or decision.kind == "deny":
            return decision
        own = f"{decision.reason}; " if decision.kind == "ask" else ""
        return Decision("ask", own + outside)

    def _question(self, change: Change, number: int, decision: Decision) -> Question:
        plan = change.plan
        action = plan.actions[number]
        question = self._at.permission.question(
            self._case.hosts[plan.host], action.run, why=action.title, reason=decision.reason
        )
        return replace(
            question,
            undo=action.undo,
            verify=action.verify.run,
            keep_files=action.keep_files,
            step=number + 1,
            steps=len(plan.actions),
            digest=digest(plan),
        )

    def _grant(
        self, transaction: Transaction, number: int, question: Question, answer: Answer
    ) -> None:
        """Put an answer on record; a yes is used up for this step at once."""
        permission = self._at.permission
        id = permission.grant(question, answer)
        used = permission.approvals.use(id, by=permission.actor) if id else None
        if used is not None:
            transaction.approve(number, used.id)

    def _grant_the_rest(self, state: InvestigationState, answer: Answer) -> None:
        """Approve whatever the plan has left, on this host and on the others."""
        once = replace(answer, reply="yes")
        for change in self._changes.of(state["changes"]):
            if change.phase != "open":
                continue
            transaction = self._changes.transaction(change)
            host = self._case.hosts[change.plan.host]
            for number, action in enumerate(change.plan.actions):
                if change.actions[number].approval is not None:
                    continue
                decision = self._decision(host, self._issue(change.plan), action)
                if decision.kind == "run":
                    transaction.approve(number, decision.approval or READS)
                elif decision.kind == "ask":
                    asked = self._question(change, number, decision)
                    self._grant(transaction, number, asked, once)

    def _declined(
        self, state: InvestigationState, transaction: Transaction, reason: str, outcome: Outcome
    ) -> InvestigationState:
        if transaction.change.has_begun:
            transaction.turn_back(reason)
        else:
            transaction.decline(reason, outcome)
        return self._go(state, "undo", {"lock", "undo", "close"})

    def _issue(self, plan: Plan) -> KnownIssue | None:
        return next((issue for issue in self._case.issues if issue.id == plan.issue), None)

    def _save(self, step: Step, text: str) -> None:
        self._at.incidents.save_step(self._case.incident, [], TimelineEntry(step=step, text=text))

    def _tell(self, event: Event) -> None:
        from langgraph.config import get_stream_writer

        get_stream_writer()(event)


def _stands(change: Change) -> str:
    """Where a change stands, in a few words."""
    if change.outcome is not None:
        return f"{change.outcome.value}{f': {change.reason}' if change.reason else ''}"
    done = sum(action.status == "verified" for action in change.actions)
    return f"{done} of {len(change.actions)} steps verified"


def _asks_outside(permission: Permission, host: Host, action: Action) -> str:
    """What only reads around a step, but needs leave for whom it asks; empty if nothing does."""
    for command in filter(None, [*action.pre_state, action.verify.run, action.undo]):
        if judge(command).verdict is Verdict.READ_ONLY:
            decision = permission.judge(host, command)
            if decision.kind == "ask":
                return f"{command}: {decision.reason}"
    return ""

"""Commands that are no probes: who lets them run, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sme_agent.case import Denial
from sme_agent.events import CommandDone, CommandStarted, Denied, Event, HostFailed
from sme_agent.questions import Answer, Question, put
from sme_agent.reach import Command
from sme_agent.state import AllowedCommand, CallAnswer, CommandRequest
from sme_agent.workspace import Workspace
from sme_memory.incident import Step
from sme_tools.errors import HostError
from sme_tools.hosts.purpose import Purpose, Right
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Judgement, Verdict


class Commands:
    """Permits and runs the commands that a reasoner wants, over one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        tell: Callable[[Event], None],
        save: Callable[[Step, str], None],
    ) -> None:
        self._at = workspace
        self._case = workspace.case
        self._tell = tell
        self._save = save

    def permit(self, wanted: Sequence[CommandRequest]) -> list[AllowedCommand]:
        """Those that the policy, the host's rules or a person lets run.

        Interrupts the graph where a person has to be asked. What is not allowed is in
        `case.denied` with the reason.
        """
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
        return allowed

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
        return AllowedCommand(
            **request, verdict=_right(judgement), reason=decision.reason, approval=decision.approval
        )

    def _answered(
        self, request: CommandRequest, question: Question, answer: Answer
    ) -> AllowedCommand | None:
        """What a person's answer lets run."""
        permission = self._at.permission
        host = self._case.hosts[request["host"]]
        if answer.command and answer.reply != "no":
            return self._edited(request, question, answer)
        permission.grant(question, answer)
        used = permission.use(host, request["command"]) if answer.reply != "no" else None
        if used is None:
            said = answer.reason or f"{answer.by} said no"
            self._deny(request, f"{question.reason}; {said}" if answer.by == "sme" else said)
            return None
        right = _right(judge(request["command"]))
        return AllowedCommand(**request, verdict=right, reason=question.reason, approval=used.id)

    def _edited(
        self, request: CommandRequest, question: Question, answer: Answer
    ) -> AllowedCommand | None:
        """The command that a person wrote in the place of the one that was asked for."""
        permission = self._at.permission
        permission.approvals.deny(question.request, by=answer.by)
        instead = CommandRequest(**{**request, "command": answer.command})
        host = self._case.hosts[request["host"]]
        decision = permission.judge(host, instead["command"])
        if decision.kind != "ask":
            return self._leave(instead)
        question = permission.question(
            host, instead["command"], why=request["why"], reason=decision.reason
        )
        return self._answered(instead, question, replace(answer, command="", reply="yes"))

    def _deny(self, request: CommandRequest, reason: str) -> None:
        host, command = request["host"], request["command"]
        self._at.permission.note_refusal(host, command, why=request["why"], reason=reason)
        self._case.denied.append(Denial(host, command, reason))
        self._tell(Denied(host, command, reason))
        redact = self._at.reach.redactor.text
        self._save("act", redact(f"{host}: did not run {command}: {reason}"))

    def run(self, allowed: list[AllowedCommand], round: int) -> dict[str, CallAnswer]:
        """Run allowed commands side by side and keep what they say; gives the answers by call."""
        answers = {}
        commands = [
            Command(
                command["host"], f"command.{number}", command["command"], self._purpose(command)
            )
            for number, command in enumerate(allowed, 1)
        ]
        for command in commands:
            self._tell(CommandStarted(command.host, command.text))
        for done, (number, result) in enumerate(self._at.reach.run(commands, round), 1):
            call, command = allowed[number].get("call"), commands[number]
            if isinstance(result, HostError):
                self._tell(HostFailed(command.host, result.message, result.remedy))
                self._case.denied.append(Denial(command.host, command.text, str(result)))
                answer = CallAnswer(call=call or "", evidence=[], failed=str(result), changes=[])
            else:
                self._case.keep(result)
                self._tell(
                    CommandDone(
                        result.host,
                        result.command,
                        result.exit_code,
                        result.duration_s,
                        done,
                        len(commands),
                        result.id,
                    )
                )
                answer = CallAnswer(call=call or "", evidence=[result.id], failed="", changes=[])
            if call:
                answers[call] = answer
        return answers

    def _purpose(self, command: AllowedCommand) -> Purpose:
        return Purpose(
            self._at.reasoner.name,
            command["why"],
            command["verdict"],
            command["reason"],
            approval=command["approval"],
            incident=self._case.incident.id,
        )


def _right(judgement: Judgement) -> Right:
    """As what an allowed command runs; asking somebody outside needs leave, but changes nothing."""
    return "read-only" if judgement.verdict is Verdict.READ_ONLY else "change"

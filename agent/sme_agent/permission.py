"""Leave to run: the policy, the host's rules, what was approved before, and then a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sme_agent.questions import Answer, Question
from sme_memory.approval import Approval, Bound
from sme_memory.approvals import Approvals
from sme_tools.hosts.host import Host
from sme_tools.safety.decision import Decision, decide
from sme_tools.safety.guard import Guard
from sme_tools.safety.own_network import OwnNetwork
from sme_tools.safety.policy.judge import HOME_OF_SCRIPTS, judge
from sme_tools.safety.policy.verdict import Judgement, Verdict


def local_now() -> datetime:
    """This moment by this machine's clock, by which windows are meant."""
    return datetime.now()


@dataclass(frozen=True)
class Permission:
    """Decides on commands for one incident."""

    approvals: Approvals
    incident: str
    who: Callable[[], str]
    """Who or what wants them run: a user, or the reasoner as it is called at that moment."""
    account_of: Callable[[str], str]
    """The account that commands run as, by host."""
    guard: Guard
    """For the audit log, and to redact what is kept."""
    now: Callable[[], datetime] = local_now
    by_model: bool = False
    """Whether a model chose them, which what it read may have misled."""
    own_network: Callable[[], OwnNetwork] = OwnNetwork
    """The user's own hosts, whom a model may ask anything."""

    @property
    def actor(self) -> str:
        """Who or what wants the commands run: `user ann`, `rules`, `model NAME`."""
        return self.who()

    def judge(self, host: Host, command: str, *, proven: str | None = None) -> Decision:
        """What is to happen with a command, before anybody is asked.

        `proven` names the validated known issue whose undoable, verified step this is.
        """

        judgement = judge(command)

        def standing(argv: Sequence[str]) -> str | None:
            # Words that may follow could name another machine: of what reads, all were approved.
            whole = judgement.verdict is Verdict.READ_ONLY
            found = self.approvals.covering(host.name, argv, whole=whole)
            return found.id if found else None

        return decide(
            judgement,
            host.policy,
            self.now(),
            standing=standing,
            proven=proven,
            by_model=self.by_model,
            own_network=lambda: self.own_network() | OwnNetwork.of([host.name, host.address]),
        )

    def question(self, host: Host, command: str, *, why: str, reason: str) -> Question:
        """Write down that this waits for an answer; asked twice, it waits once."""
        bound = self.bound(host, command)
        request = self.approvals.ask(
            bound, by=self.actor, reason=f"{why}: {reason}", incident=self.incident
        )
        return Question(
            request=request.id,
            host=host.name,
            user=bound.user,
            cwd=bound.cwd,
            command=command,
            why=why,
            reason=reason,
            asked_by=self.actor,
            words=words_for_always(judge(command)),
        )

    def bound(self, host: Host, command: str) -> Bound:
        """The one command, host, account and folder that an approval is for."""
        return Bound(
            host=host.name,
            user=self.account_of(host.name),
            cwd=HOME_OF_SCRIPTS,
            command=command,
        )

    def grant(self, question: Question, answer: Answer) -> str | None:
        """Put an answer on record; gives the id of the approval, or None if it was no.

        Raises:
            StateError: it can't be written down, so it does not count.
        """
        if answer.reply == "no":
            self.approvals.deny(question.request, by=answer.by)
            return None
        if answer.reply == "always":
            words = answer.words or question.words
            if words:
                self.approvals.allow_always(question.host, words, by=answer.by)
        return self.approvals.approve(question.request, by=answer.by).id

    def note_refusal(self, host: str, command: str, *, why: str, reason: str) -> None:
        """Keep in the audit log that this was wanted, and did not run."""
        self.guard.refused(
            host, command, actor=self.actor, why=why, reason=reason, incident=self.incident
        )

    def denied_elsewhere(self, host: Host, command: str, since: datetime) -> Answer | None:
        """The no that another process has given since then; a yes there is an approval to use."""
        request = self.approvals.last_request(self.bound(host, command), self.incident)
        if request is None or request.answer != "denied" or request.at < since:
            return None
        return Answer("no", by=request.answered_by or "somebody")

    def use(self, host: Host, command: str) -> Approval | None:
        """Use up the approval of exactly this; None if there is none in force."""
        found = self.approvals.find(self.bound(host, command), self.incident)
        return self.approvals.use(found.id, by=self.actor) if found else None


def words_for_always(judgement: Judgement) -> tuple[str, ...]:
    """The leading words that an approval for ever may cover: the program and what it is told to do.

    Words that begin with a dash, and all after them, are left open; a program alone is too much. Of
    what only reads, and is asked for because of where it asks, no word is left open.
    """
    argv = judgement.argv or ()
    if judgement.verdict is Verdict.READ_ONLY:
        return argv
    leading: list[str] = []
    for word in argv:
        if word.startswith("-"):
            break
        leading.append(word)
    return tuple(leading) if len(leading) > 1 else argv

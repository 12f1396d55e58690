"""What a person is asked before something changes, and the answers there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Reply = Literal["yes", "plan", "always", "no"]
"""yes: this command, once. plan: it and all that the plan has left, on every host of it.
always: it, and from now on what begins with the same words on this host. no: not this."""


@dataclass(frozen=True)
class Question:
    """One command that needs approval, bound to the host, the account and the folder it runs in."""

    request: str
    """The id under which it waits: `sme policy approve ID` answers it from elsewhere."""
    host: str
    user: str
    cwd: str
    command: str
    why: str
    """What it is for: the step's title, or the reasoner's reason."""
    reason: str
    """Why it needs approval."""
    asked_by: str
    words: tuple[str, ...] = ()
    """What `always` would cover; empty where it can't be given."""
    undo: str | None = None
    verify: str | None = None
    """A command that runs afterwards to see whether it worked, and again while it has to hold."""
    keep_files: tuple[str, ...] = ()
    """Files that are put back, as they are now, when the step is taken back."""
    step: int | None = None
    """The number of the step in its plan, from 1; None for a command outside of a plan."""
    steps: int | None = None
    digest: str | None = None
    """Of the whole plan: `--approve DIGEST` approves exactly that."""

    @property
    def may_be_edited(self) -> bool:
        """Whether a person may put another command in its place; not within a plan."""
        return self.step is None

    def document(self) -> dict[str, Any]:
        """Plain values, as a checkpoint keeps them."""
        return asdict(self)

    @classmethod
    def read(cls, document: dict[str, Any]) -> Question:
        """The question of such values."""
        lists = {name: tuple(document[name]) for name in ("words", "keep_files")}
        return cls(**{**document, **lists})


@dataclass(frozen=True)
class Answer:
    """What a person said."""

    reply: Reply
    by: str
    """Who said it: `user ann`."""
    reason: str = ""
    """Why not."""
    words: tuple[str, ...] = ()
    """What `always` covers; the question's own words if it is empty."""
    command: str = ""
    """What to run instead, with `yes`; empty: what was asked."""

    def document(self) -> dict[str, Any]:
        """Plain values, as a checkpoint keeps them."""
        return asdict(self)

    @classmethod
    def read(cls, document: dict[str, Any]) -> Answer:
        """The answer of such values."""
        return cls(**{**document, "words": tuple(document["words"])})


Ask = Callable[[Question], Answer | None]
"""Puts a question to whoever can answer. None: nobody can now, so it waits."""


def nobody(question: Question) -> None:
    """Asks nobody: whatever needs approval waits."""


def put(questions: Sequence[Question]) -> dict[str, Answer]:
    """Interrupt the graph until all of these are answered; gives the answers by request.

    They are bound to their requests, so no answer can slip to another command.
    """
    if not questions:
        return {}
    from langgraph.types import interrupt

    answers = interrupt([question.document() for question in questions])
    return {request: Answer.read(document) for request, document in answers.items()}


def answers_to(questions: Sequence[Question], ask: Ask) -> dict[str, dict[str, Any]] | Question:
    """The answers by request, as `put` takes them; or the first question that has to wait.

    What the reasoner wanted in passing does not wait: without an answer it is denied.
    """
    answers = {}
    for question in questions:
        answer = ask(question)
        if answer is None and question.step is not None:
            return question
        answer = answer or Answer("no", by="sme", reason="nobody is there to approve it")
        answers[question.request] = answer.document()
    return answers

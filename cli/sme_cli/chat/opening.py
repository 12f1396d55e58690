"""Opening a conversation in the background, while the person already types."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sme_cli import session
from sme_cli.chat.models import model_of, must_be_model
from sme_tools.errors import SmeError, StateError

if TYPE_CHECKING:
    from sme_agent.investigation import Colleague
    from sme_agent.questions import Ask
    from sme_agent.talk import Talk
    from sme_cli.chat.conversation import Chat
    from sme_memory.incident import Incident
    from sme_tools.hosts.host import Host


@dataclass(frozen=True)
class Opened:
    """An open conversation and all that it works with."""

    colleague: Colleague
    talk: Talk
    is_kept: bool = True
    """Whether it can be come back to later."""


class Opener:
    """Opens conversations, one after the other. Close it."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._colleague: Colleague | None = None
        self._is_kept = True
        self._scratch = ExitStack()

    def colleague(self) -> Colleague:
        """What all conversations work with; in a folder that does not stay if it must be."""
        if self._colleague is not None:
            return self._colleague
        pause, limit = self._pause, self._chat.timeout_s
        guard = session.guard(pause)
        try:
            self._colleague = session.colleague(limit, guard=guard, pause=pause)
        except StateError as error:
            self._chat.face.complain(str(error), error.remedy)
            self._chat.face.complain("going on without a memory: nothing of this is kept")
            folder = self._scratch.enter_context(session.scratch_folder())
            self._is_kept = False
            self._colleague = session.colleague(limit, guard=guard, folder=folder, pause=pause)
        return self._colleague

    def begin(self, hosts: Sequence[Host] | None, targets: Sequence[str]) -> Opened:
        """A new conversation about these hosts, or else about what the targets name."""
        from sme_agent.talk import Talk
        from sme_memory.incident import Incident

        if hosts is None:
            hosts = session.select(targets) if targets else []
        incident = Incident.begin([host.name for host in hosts], targets=targets)
        return self._opened(Talk(self.colleague(), incident, hosts, ask=self._ask()))

    def resume(self, incident: Incident) -> Opened:
        """One that there was before. Raises UsageError: another process holds it."""
        from sme_agent.talk import Talk

        hosts = session.select(incident.targets) if incident.targets else []
        talk = Talk(self.colleague(), incident, hosts, ask=self._ask(), is_new=False)
        return self._opened(talk)

    def _opened(self, talk: Talk) -> Opened:
        if self._chat.model is not None:
            must_be_model(talk, "--model").choose(talk.case, self._chat.model)
        return Opened(self.colleague(), talk, self._is_kept)

    def close(self) -> None:
        """Remove what was not to stay."""
        self._scratch.close()

    def _ask(self) -> Ask:
        from sme_agent.questions import nobody

        if not self._chat.asks:
            return nobody
        from sme_cli.asking import Prompt

        return Prompt(self._pause, self._chat.cancelled)

    def _pause(self) -> AbstractContextManager[None]:
        return self._chat.face.paused()


class Opening:
    """What `open` gives, as soon as it is there. Loads what a turn will need afterwards."""

    def __init__(self, open_: Callable[[], Opened]) -> None:
        self._open = open_
        self._opened: Opened | None = None
        self._error: SmeError | OSError | None = None
        self._done = threading.Event()
        self._tell: Callable[[], None] = lambda: None
        self._is_begun = False
        self.loads = ""
        """What is being loaded; empty once everything is there."""

    def start(self, tell: Callable[[], None] = lambda: None) -> None:
        """Begin, in the background; `tell` is called when it is open, or can't be.

        Only the first call does anything.
        """
        if self._is_begun:
            return
        self._is_begun, self._tell = True, tell
        self.loads = "what is known"
        threading.Thread(target=self._work, daemon=True, name="opening").start()

    @property
    def now(self) -> Opened | None:
        """The conversation if it is open by now."""
        return self._opened

    @property
    def has_failed(self) -> bool:
        """Whether it can't be opened; `wait` says why."""
        return self._error is not None

    def wait(self) -> Opened:
        """The conversation, as soon as it is open.

        Raises:
            SmeError, OSError: what kept it from being opened.
        """
        self.start()
        while not self._done.wait(0.1):  # a wait without a limit would not heed Ctrl-C
            pass
        if self._error is not None:
            raise self._error
        assert self._opened is not None
        return self._opened

    def _work(self) -> None:
        try:
            self._opened = self._open()
        except (SmeError, OSError) as error:
            self._error = error
        finally:
            self._done.set()
            self._tell()
        if self._opened is not None:
            self._load(self._opened)
        self.loads = ""

    def _load(self, opened: Opened) -> None:
        import importlib

        self.loads = "the library of the graph"
        importlib.import_module("sme_agent.graph")
        importlib.import_module("langgraph.graph")
        importlib.import_module("langgraph.checkpoint.sqlite")
        if model_of(opened.talk) is not None:
            from sme_agent.llm.litellm_start import start

            self.loads = "the library through which models are asked"
            start()

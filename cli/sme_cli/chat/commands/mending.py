"""`/plan`, `/fix`, `/undo`: what is to be changed, and to be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sme_cli import completion
from sme_cli.chat.commands.command import Command
from sme_cli.chat.models import model_of
from sme_tools.errors import UsageError
from sme_tools.safety.control import one_line, written_out

if TYPE_CHECKING:
    from sme_agent.resolution import Wish
    from sme_cli.chat.conversation import Chat
    from sme_tools.actions.journal import Change

_DETAILS_OF_UNDO = """\
1. A change of this conversation that stood still, or whose undo failed, is taken back on its host:
   its steps in reverse order, each by its own undo, and what comes of it is shown. You are asked
   first.
2. A change that is over and holds is not touched: what was kept to take it back is gone by then.
   Its undo commands are shown, so that you can run them or ask for them.
3. Where nothing was changed, the last exchange is forgotten: the model does not know of it any
   more. The record of what ran on the hosts stays."""


def _plan(chat: Chat, words: list[str]) -> None:
    talk, colleague = chat.talk, chat.opened.colleague
    hosts = list(talk.case.hosts.values())
    for change in colleague.changes.to_resume(talk.incident.id):
        chat.face.put_text(f"  Not over: {_stands(change)}. /fix goes on, /undo takes it back.")
    for event in colleague.preview(talk.incident, hosts, _wish(words)):
        chat.face.preview(event)
    chat.face.put_text("  Nothing was done. /fix does it; each step is asked for.")


def _fix(chat: Chat, words: list[str]) -> None:
    talk = chat.talk
    if chat.opened.colleague.changes.to_resume(talk.incident.id):
        if words:
            raise UsageError(
                "a change of this conversation is not over",
                remedy="Go on with it: /fix. Or take it back: /undo",
            )
        chat.carry_out(lambda talk: talk.fix())
    else:
        chat.carry_out(lambda talk: talk.mend(_wish(words)))


def _undo(chat: Chat, words: list[str]) -> None:
    changes, incident = chat.opened.colleague.changes, chat.talk.incident.id
    if waiting := changes.to_resume(incident, back=True):
        for change in waiting:
            chat.face.put_text(f"  {_stands(change)}")
        if chat.confirms("Take it back?"):
            chat.carry_out(lambda talk: talk.fix(undo=True))
        return
    held = [one for one in changes.of_incident(incident) if _holds(one)]
    if held:
        chat.face.put_text(_by_hand(held[0]))
        if model_of(chat.talk) is None or not chat.confirms("Forget the last exchange?"):
            return
    _forget(chat)


def _forget(chat: Chat) -> None:
    model = model_of(chat.talk)
    if model is None:
        raise UsageError(
            "there is nothing to take back: no change of this conversation stands still",
            remedy="The rules look at each message by itself, and remember no exchange.",
        )
    taken_back = model.take_back(chat.talk.case)
    if taken_back is None:
        raise UsageError("nothing was said yet that could be forgotten")
    chat.face.put_text(f"  Forgotten: “{one_line(taken_back)[:200]}”, and the answer to it.")


def _holds(change: Change) -> bool:
    return change.outcome is not None and change.outcome.host_state == "new"


def _stands(change: Change) -> str:
    reason = f": {one_line(change.reason)}" if change.reason else ""
    state = change.outcome.value if change.outcome else "waits for approval"
    return f"change {change.id} on {one_line(change.plan.host)}, {state}{reason}"


def _by_hand(change: Change) -> str:
    """How a change is taken back that is over."""
    host = one_line(change.plan.host)
    lines = [f"  The change on {host} is over and holds; sme can't take it back any more."]
    lines.append("  Its steps in reverse order, and how each is taken back by hand:")
    for number, action in reversed(list(enumerate(change.plan.actions, 1))):
        lines.append(f"  {number}. {one_line(action.title)}")
        lines += [f"     puts back {path}: not kept" for path in action.keep_files]
        undo = written_out(action.undo).splitlines() if action.undo else ["(has no undo)"]
        lines += [f"     $ {line}" for line in undo]
    return "\n".join(lines)


def _wish(words: list[str]) -> Wish:
    from sme_agent.resolution import Wish

    if len(words) > 1:
        raise UsageError("only one known issue can be mended at a time")
    return Wish(issue=words[0] if words else None)


def _issues(chat: Chat) -> Iterable[str]:
    return completion.issues("")


COMMANDS = (
    Command(
        "plan",
        "[ISSUE]",
        "what /fix would do: the steps, how each is undone and verified; nothing is done",
        _plan,
        _issues,
    ),
    Command(
        "fix",
        "[ISSUE]",
        "mend what the diagnosis found, or go on with a change that stood still",
        _fix,
        _issues,
        "Without ISSUE the known issue that is proven. Each step is asked for, done and verified; "
        "what does not hold is taken back.",
    ),
    Command(
        "undo",
        "",
        "take back a change that stood still, or else forget the last exchange",
        _undo,
        None,
        _DETAILS_OF_UNDO,
    ),
)

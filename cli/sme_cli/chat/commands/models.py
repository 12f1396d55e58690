"""`/model`, `/cost`, `/compact`: who answers, at what price, and how much it can hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sme_cli import session
from sme_cli.chat.commands.command import Command
from sme_cli.chat.models import model_of, must_be_model
from sme_cli.render.costs import in_dollars, in_tokens
from sme_tools.errors import UsageError
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat
    from sme_memory.model_ledger import Spent
    from sme_tools.model_settings import Allowance


def _model(chat: Chat, words: list[str]) -> None:
    case = chat.talk.case
    if not words:
        model = model_of(chat.talk)
        now = model.status(case).model if model else "rules"
        lines = [f"  {'→' if name == now else ' '} {one_line(name)}" for name in _names(chat)]
        chat.face.put_text("\n".join(lines))
        return
    if len(words) > 1:
        raise UsageError("one model answers at a time")
    model = must_be_model(chat.talk, "to choose a model")
    model.choose(case, words[0])
    chat.face.put_text(f"  From now on {one_line(model.status(case).model)} answers.")


def _cost(chat: Chat, words: list[str]) -> None:
    budget = session.settings().budget
    model = model_of(chat.talk)
    lines = []
    if model is None:
        lines.append("  The rules reason, and cost nothing.")
    else:
        status = model.status(chat.talk.case)
        took = status.spent
        about = "about " if took.estimated else ""
        lines.append(
            f"  this conversation: {in_dollars(took.cost_usd)}, "
            f"{about}{in_tokens(took.input_tokens)} tokens read "
            f"({in_tokens(took.cached_tokens)} from a cache), "
            f"{in_tokens(took.output_tokens)} written{_of(budget.session)}"
        )
        lines.append(f"  context: {in_tokens(status.used)} of {in_tokens(status.window)} tokens")
    if (ledger := session.model_ledger()) is not None:
        today = ledger.spent_today(datetime.now().astimezone())
        lines.append(f"  today, all of them: {_sum(today)}{_of(budget.day)}")
    chat.face.put_text("\n".join(lines))


def _sum(spent: Spent) -> str:
    more = " and more whose price is not known" if spent.unknown_cost else ""
    return f"{in_dollars(spent.usd)}{more}, {in_tokens(spent.tokens)} tokens"


def _of(allowed: Allowance) -> str:
    """The limit that stands over a sum."""
    limits = [f"${allowed.usd:g}"] if allowed.usd is not None else []
    limits += [f"{allowed.tokens:,} tokens"] if allowed.tokens is not None else []
    return f" (budget: {', '.join(limits)})" if limits else ""


def _compact(chat: Chat, words: list[str]) -> None:
    model = must_be_model(chat.talk, "to make a conversation shorter")
    before = model.status(chat.talk.case).used
    model.compact(chat.talk.case)
    chat.face.put_text(
        f"  From the next message on all but the last exchange is told as facts with the ids of "
        f"their evidence; it took {in_tokens(before)} tokens until now."
    )


def _names(chat: Chat) -> Iterable[str]:
    return session.settings().models


COMMANDS = (
    Command("model", "[NAME]", "who answers, or who is to answer from now on", _model, _names),
    Command("cost", "", "what this conversation took, and this day", _cost),
    Command("compact", "", "make room: tell the model older turns as facts from now on", _compact),
)

"""The tools that keep the hypothesis board."""

from __future__ import annotations

from sme_agent.model.arguments import AskUser, Conclude, PutHypothesis
from sme_agent.model.bench import Bench, Concluding, Questioning, Refusal, Told
from sme_agent.model.citing import as_meant
from sme_memory.incident import Hypothesis


def hypothesis(asked: PutHypothesis, bench: Bench) -> Told:
    """Add a theory, or bring one up to date."""
    for id in [*asked.evidence_for, *asked.evidence_against]:
        bench.evidence(id)
    board = bench.case.incident.hypotheses
    if asked.id is None:
        new = Hypothesis(
            id=f"H{max((int(one.id[1:]) for one in board), default=0) + 1}",
            theory=asked.theory or "",
            test=asked.test or "",
            priority=2,
            status=asked.status or "open",
            reason=asked.reason or "",
            evidence_for=asked.evidence_for,
            evidence_against=asked.evidence_against,
        )
        board.append(new)
        return Told(bench.present.text("board", board=[new]), f"{new.id} {new.theory}")
    old = next((one for one in board if one.id == asked.id), None)
    if old is None:
        near = [one.id for one in board]
        raise bench.no_such("hypothesis", asked.id, near)
    given = asked.model_dump(exclude={"id", "evidence_for", "evidence_against"}, exclude_none=True)
    changed = old.model_copy(
        update={
            **given,
            "evidence_for": _joined(old.evidence_for, asked.evidence_for),
            "evidence_against": _joined(old.evidence_against, asked.evidence_against),
        }
    )
    board[board.index(old)] = changed
    about = f"{changed.id} {changed.status}: {changed.reason or changed.theory}"
    return Told(bench.present.text("board", board=[changed]), about)


def ask_user(asked: AskUser, bench: Bench) -> Questioning:
    """A question that ends the turn; what the person says next is the answer."""
    if not bench.desk.may_fix:
        raise Refusal(bench.present.text("nobody_there"))
    return Questioning(asked.question, tuple(asked.choices))


def conclude(asked: Conclude, bench: Bench) -> Concluding:
    """The diagnosis, which is checked before it counts."""
    return Concluding(as_meant(asked, bench))


def _joined(old: list[str], new: list[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))

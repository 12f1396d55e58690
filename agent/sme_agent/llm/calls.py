"""Tool calls put together from their parts, as servers that follow the rules send them, and others.

Seen: parts without an index, or all with the same; an id with each part or with none; the name
repeated in each part, or in pieces; the arguments once more at the end; a whole call in one part.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sme_agent.llm.dialects import repair_arguments
from sme_agent.llm.messages import ToolCall
from sme_agent.llm.shapes.piece import CallPiece


@dataclass
class Draft:
    """A call as far as it has come."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""
    given: dict[str, Any] | None = None
    """Arguments that are read already: the call came as text."""
    unreadable: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    whole: bool = False

    @property
    def from_text(self) -> bool:
        """Whether the call came as text, in one of the dialects."""
        return self.given is not None


class Calls:
    """The calls of one answer."""

    def __init__(self) -> None:
        self._drafts: list[Draft] = []

    def __bool__(self) -> bool:
        return bool(self._drafts)

    def add(self, piece: CallPiece) -> str:
        """Take a part in. Returns the call's name if this part is the first to tell it."""
        draft = self._of(piece)
        if draft is None:
            draft = Draft(index=piece.index)
            self._drafts.append(draft)
        named = draft.name
        if piece.name and piece.name != draft.name:
            draft.name += piece.name
        draft.id = draft.id or piece.id
        draft.arguments += piece.arguments
        draft.extra |= piece.extra
        draft.whole = draft.whole or piece.whole
        return draft.name if draft.name and not named else ""

    def add_text(self, name: str, arguments: dict[str, Any], unreadable: str | None) -> None:
        """Take a call in that came as text."""
        self._drafts.append(
            Draft(index=None, name=name, given=arguments, unreadable=unreadable, whole=True)
        )

    def finished(self, taken: Collection[str]) -> Iterator[tuple[ToolCall, dict[str, Any]]]:
        """The calls, each with what the provider wants back with it.

        `taken` are the ids that the conversation has already. A call that came both as it should
        and as text is one call.
        """
        ids = set(taken)
        native: list[tuple[str, dict[str, Any]]] = []
        for draft in self._drafts:
            arguments, unreadable = _read(draft)
            if draft.from_text and (draft.name, arguments) in native:
                continue
            if not draft.from_text:
                native.append((draft.name, arguments))
            if not draft.name and not draft.arguments:
                continue
            if not draft.id or draft.id in ids:
                draft.id = f"call_{uuid.uuid4().hex[:24]}"
            ids.add(draft.id)
            call = ToolCall(
                id=draft.id, name=draft.name, arguments=arguments, unreadable=unreadable
            )
            yield call, draft.extra

    def _of(self, piece: CallPiece) -> Draft | None:
        """The call that a part belongs to; None if it begins another."""
        if piece.whole or not self._drafts:
            return None
        if piece.id:
            same = next((draft for draft in self._drafts if draft.id == piece.id), None)
            if same is not None:
                return same
        if piece.index is None:
            draft: Draft | None = self._drafts[-1]
        else:
            draft = next((d for d in reversed(self._drafts) if d.index == piece.index), None)
        if draft is None or draft.whole or _is_another(draft, piece):
            return None
        return draft


def _is_another(draft: Draft, piece: CallPiece) -> bool:
    """Whether a part in the place of a call begins another all the same."""
    if piece.id and draft.id and piece.id != draft.id:
        # Some servers make up a new id for each part; only the first has the name.
        return bool(piece.name)
    if not piece.name or not draft.name:
        return False
    return bool(draft.arguments) and _is_object(draft.arguments)


def _read(draft: Draft) -> tuple[dict[str, Any], str | None]:
    if draft.given is not None:
        return draft.given, draft.unreadable
    text = draft.arguments.strip()
    half = text[: len(text) // 2]
    if half and text == half * 2 and _is_object(half):
        text = half
    arguments = repair_arguments(text)
    if arguments is None:
        return {}, draft.arguments
    return arguments, None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def cleaned(call: ToolCall, schemas: Mapping[str, Mapping[str, Any]], *, strict: bool) -> ToolCall:
    """The call without what the strict form of a schema made the model write."""
    from sme_agent.llm.strict import without_nulls

    schema = schemas.get(call.name)
    if not strict or schema is None or call.unreadable is not None:
        return call
    return call.model_copy(update={"arguments": without_nulls(call.arguments, dict(schema))})

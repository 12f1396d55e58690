"""The conversation of one incident: what is on disk, and what is still to be answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import TypeAdapter

from sme_agent.llm.messages import (
    AssistantMessage,
    Message,
    Opening,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from sme_memory.conversations import ConversationStore
from sme_tools.safety.fence import Fence

Hear = Callable[[Message], None]

_RECORD: TypeAdapter[Opening | Message] = TypeAdapter(Opening | Message)


class Conversation:
    """All messages of one incident, in order. What was added is on disk.

    Raises:
        StateError: what is on disk can't be read.
    """

    def __init__(
        self,
        store: ConversationStore,
        incident: str,
        prompts: str,
        hear: Hear = lambda message: None,
    ) -> None:
        """`prompts` is the version of the prompts that a new conversation begins with; `hear` is
        told of what is added from now on."""
        self._hear = hear
        self._store = store
        self._incident = incident
        self._new = Opening(marker=Fence().marker, prompts=prompts)
        self.messages: list[Message] = []
        self.opening = self._new
        self.taken_back = 0
        """How often something was taken back."""
        self._read()

    @property
    def fence(self) -> Fence:
        """The fence around what hosts say, the same in the whole conversation."""
        return Fence(self.opening.marker)

    def add(self, *messages: Message) -> None:
        """Add what was said next; it is on disk when this returns. Raises StateError."""
        new = [self._new] if self.opening is self._new and not self.messages else []
        documents = [one.model_dump(mode="json") for one in [*new, *messages]]
        self._store.append(self._incident, documents)
        self.messages += messages
        for message in messages:
            self._hear(message)

    def pending(self) -> list[ToolCall]:
        """The calls of the last answer that nothing has come of yet."""
        said = self.last_answer()
        if said is None:
            return []
        answered = {result.call for result in self.last_results()}
        return [call for call in said.calls if call.id not in answered]

    def last_answer(self) -> AssistantMessage | None:
        """What the model said last in this turn; None if the person spoke last."""
        for message in reversed(self.messages):
            if isinstance(message, AssistantMessage):
                return message
            if isinstance(message, UserMessage) and message.origin == "person":
                return None
        return None

    def last_results(self) -> list[ToolMessage]:
        """What the calls of the last answer have brought so far."""
        said = self.last_answer()
        calls = {call.id for call in said.calls} if said else set()
        return [m for m in self.messages if isinstance(m, ToolMessage) and m.call in calls]

    def last_words(self) -> str:
        """What the person said last; empty if nothing."""
        for message in reversed(self.messages):
            if isinstance(message, UserMessage) and message.origin == "person":
                return message.text
        return ""

    def take_back(self) -> str | None:
        """Forget the last exchange; gives what the person had said, or None if there is none."""
        number = self._store.last_turn(self._incident)
        if number is None:
            return None
        text = self.last_words()
        self._store.retract(self._incident, number)
        self.taken_back += 1
        self._read()
        return text

    def _read(self) -> None:
        self.messages = []
        for document in self._store.read(self._incident):
            record = _RECORD.validate_python(document)
            if isinstance(record, Opening):
                self.opening = record
            else:
                self.messages.append(record)

    def turns(self) -> Iterator[Sequence[Message]]:
        """The messages by what belongs together: what a person or the program said, or an answer
        with all that its calls brought, in the order of the calls."""
        at = 0
        while at < len(self.messages):
            end = at + 1
            while end < len(self.messages) and isinstance(self.messages[end], ToolMessage):
                end += 1
            yield _in_order(self.messages[at:end])
            at = end


def _in_order(turn: Sequence[Message]) -> Sequence[Message]:
    first = turn[0]
    if not isinstance(first, AssistantMessage):
        return turn
    order = {call.id: number for number, call in enumerate(first.calls)}
    results = [message for message in turn[1:] if isinstance(message, ToolMessage)]
    return [first, *sorted(results, key=lambda result: order.get(result.call, len(order)))]

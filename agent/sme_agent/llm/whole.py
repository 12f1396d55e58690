"""A whole answer, where the model was cut at the length of one.

Text is continued, and both parts become one answer. A call that was cut in the middle is dropped:
calls beside it that are complete are enough, else the model is asked again, with more room. So is
a model that was cut while it thought.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from sme_agent.llm.events import Answered, LlmEvent, Withdrawn
from sme_agent.llm.joining import continued
from sme_agent.llm.manner import provider_of
from sme_agent.llm.messages import AssistantMessage, Message, Usage, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.price_map import known
from sme_agent.llm.pursuit import Compose, Pursuit
from sme_prompts.load import Prompts
from sme_tools.errors import AnswerMalformed

MOST_TIMES = 3
"""How often an answer is continued, or asked for with more room."""


def whole_answer(pursuit: Pursuit, compose: Compose, prompts: Prompts) -> Iterator[LlmEvent]:
    """The events of an answer that is as complete as can be had; ends with `Answered`.

    Raises:
        AnswerMalformed: the model used up all its room, again and again, and said nothing.
        ModelError, Interrupted: as `Pursuit.answer`.
    """
    answer = yield from _until_answered(pursuit.answer(compose))
    for _ in range(MOST_TIMES):
        answer = _with_complete_calls(answer)
        if answer.ended != "length":
            break
        if answer.message.text and not answer.message.calls:
            events = continued(answer, pursuit.answer(_going_on(compose, answer.message, prompts)))
        else:
            what = "call" if answer.message.calls else "thinking"
            yield Withdrawn(answer.model, _CUT[what])
            pursuit.learned.give_room()
            again = pursuit.answer(_once_more(compose, prompts.render("cut_off", what=what)))
            events = _also_taken(answer.usage, again)
        answer = yield from _until_answered(events)
    answer = _with_complete_calls(answer)
    if answer.ended == "length" and (answer.message.calls or not answer.message.text):
        raise AnswerMalformed(
            f"it was cut off at the length of an answer {MOST_TIMES + 1} times and said nothing",
            model=answer.model,
            remedy='Give it more room: [model."{model}"] max_output_tokens in config.toml.',
        )
    yield answer


_CUT = {
    "call": "its tool call was cut off at the length of an answer",
    "thinking": "it thought until the length of an answer was used up",
}


def _until_answered(events: Iterator[LlmEvent]) -> Generator[LlmEvent, None, Answered]:
    """Pass the events on, but for the answer, which is returned when the request is over."""
    answer: Answered | None = None
    for event in events:
        if isinstance(event, Answered):
            answer = event
        else:
            yield event
    if answer is None:
        raise AssertionError("an attempt ended without an answer and without an error")
    return answer


def _with_complete_calls(answer: Answered) -> Answered:
    """The last call of an answer that was cut is not to be trusted, even where it can be read:
    a path or a command in it may be cut as well. Those before it are complete."""
    complete = answer.message.calls[:-1]
    if answer.ended != "length" or not complete:
        return answer
    message = answer.message.model_copy(update={"calls": complete})
    return replace(answer, message=message, ended="calls")


def _going_on(compose: Compose, said: AssistantMessage, prompts: Prompts) -> Compose:
    """The prompt to continue what was said, in the way that the model knows."""

    def prompt_for(model: Model) -> Prompt:
        prompt = compose(model)
        so_far = AssistantMessage(text=said.text.rstrip(), model=said.model)
        more: list[Message] = [so_far]
        if not _takes_prefix(model):
            text = prompts.render("cut_off", what="text")
            more.append(UserMessage(text=text, origin="program"))
        return replace(prompt, messages=[*prompt.messages, *more], must_call=None)

    return prompt_for


def _once_more(compose: Compose, word: str) -> Compose:
    """The prompt once more, with a word on what happened."""

    def prompt_for(model: Model) -> Prompt:
        prompt = compose(model)
        said = UserMessage(text=word, origin="program")
        room = prompt.max_output and max(prompt.max_output, model.traits.max_output)
        return replace(prompt, messages=[*prompt.messages, said], max_output=room)

    return prompt_for


def _takes_prefix(model: Model) -> bool:
    """Whether the model goes on with an answer that ends the conversation.

    DeepSeek and Mistral want a flag for it that litellm does not pass on everywhere, others begin
    anew; with thinking Anthropic refuses it.
    """
    provider = provider_of(model.litellm_name)
    if model.traits.reasons or provider != "anthropic" or model.options.reasoning_effort:
        return False
    return bool(known(provider, model.litellm_name).get("supports_assistant_prefill"))


def _also_taken(usage: Usage, events: Iterator[LlmEvent]) -> Iterator[LlmEvent]:
    for event in events:
        if isinstance(event, Answered):
            event = replace(event, usage=usage + event.usage)  # noqa: PLW2901
        yield event

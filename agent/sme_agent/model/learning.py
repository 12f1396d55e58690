"""Having a model propose what an incident taught, and keeping what is verified of it."""

from __future__ import annotations

from sme_agent.events import Learned
from sme_agent.llm.messages import Message, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.model import toolbox
from sme_agent.model.bench import Bench, Refusal
from sme_agent.model.lessons import Lessons
from sme_agent.model.means import Answering
from sme_agent.model.speaking import answer_of
from sme_agent.model.uses import result
from sme_prompts.load import Prompts

MOST_ATTEMPTS = 3
"""At a lesson that can be kept."""


def learn(
    gateway: Answering,
    lessons: Lessons,
    bench: Bench,
    prompts: Prompts,
) -> Learned | None:
    """Ask for a lesson until one can be kept; None if there is nothing to ask about.

    What the model says meanwhile is not shown: the conversation is over for the person.

    Raises:
        ModelError, Interrupted, StateError
    """
    if not lessons.worth_it(bench.case):
        return None
    tool = toolbox.lesson_tool(prompts)
    system = bench.present.text("system", fence=bench.present.fence.rule, may_fix=False)
    told: list[Message] = [UserMessage(text=lessons.told(bench), origin="program")]

    def compose(model: Model) -> Prompt:
        return Prompt(system, told, [tool], must_call=toolbox.LESSON)

    for _ in range(MOST_ATTEMPTS):
        said = answer_of(gateway, compose, bench.desk.cancelled).message
        call = next((one for one in said.calls if one.name == toolbox.LESSON), None)
        if call is None:
            return None
        try:
            return lessons.keep(toolbox.checked(call, bench), bench, said.model)
        except Refusal as refusal:
            told += [said, result(call, refusal.text, failed=True)]
    return Learned("skip", "", "what the model proposed could not be verified")

"""What a model hears of what its calls brought from hosts."""

from __future__ import annotations

from collections.abc import Sequence

from sme_agent.case import Case
from sme_agent.llm.messages import ToolCall, ToolMessage
from sme_agent.model.arguments import Look
from sme_agent.model.bench import id_of, short_id
from sme_agent.model.host_tools import near_probes, unknown_probes
from sme_agent.model.presenting import Presenter
from sme_agent.state import CallAnswer
from sme_tools.actions.outcome import STATE_IN_WORDS
from sme_tools.analysis.templates_view import templates_view
from sme_tools.hosts.evidence import Evidence
from sme_tools.safety.fence import shortened

MOST_STDERR = 600
"""Characters of what a reader of logs complains of: often that it may not read all."""


class Results:
    """Puts answers of hosts into words; remembers which findings were told."""

    def __init__(self, case: Case, present: Presenter) -> None:
        self._case = case
        self._present = present
        self.findings_are_told()

    def findings_are_told(self) -> None:
        """From now on what is found at this moment is nothing new: the case tells it."""
        self._told = {f.fingerprint: f.title for f in self._case.incident.findings}

    def message(self, call: ToolCall, answer: CallAnswer, most_chars: int) -> ToolMessage:
        """The result of one call."""
        items = [self._case.evidence[id] for id in answer["evidence"]]
        return ToolMessage(
            call=call.id,
            name=call.name,
            text=self._text(call, answer, items, most_chars),
            evidence=tuple(answer["evidence"]),
            failed=bool(answer["failed"]),
        )

    def _text(
        self, call: ToolCall, answer: CallAnswer, items: Sequence[Evidence], most_chars: int
    ) -> str:
        if answer["failed"]:
            return self._present.text("not_run", reason=answer["failed"])
        if call.name == "propose_fix":
            repairs = [r for r in self._case.incident.repairs if r.change in answer["changes"]]
            fixed = self._present.text("fixed", repairs=repairs, states=STATE_IN_WORDS)
            return f"{fixed}\n\n{self._looked()}" if repairs else fixed
        if call.name == "read_logs" and items:
            return self._log(items[0], most_chars)
        shown = self._present.evidence(items, most_chars)
        return f"{self._looked()}\n\n{shown}{self._unknown(call)}" if call.name == "look" else shown

    def _unknown(self, call: ToolCall) -> str:
        """What of a look there is no probe for, while the rest ran."""
        asked = Look.model_validate({**call.arguments, "host": "any", "why": "any"})
        unknown = unknown_probes(asked.probes)
        if not unknown:
            return ""
        near = near_probes(unknown)
        said = self._present.text("no_such", kind="probe", wanted=", ".join(unknown), near=near)
        return f"\n\n{said}"

    def _log(self, item: Evidence, most_chars: int) -> str:
        if not item.stdout.strip():
            return self._present.evidence([item], most_chars)
        body = templates_view(item.stdout).render()
        if item.stderr.strip():
            body += f"\n[stderr]\n{shortened(item.stderr, MOST_STDERR)}"
        fenced = self._present.fenced(body, item.id, most_chars)
        return self._present.text("log", item=self._present.named(item), body=fenced)

    def _looked(self) -> str:
        """What the checks find since, and what they find no more."""
        graph = self._case.causes()
        now = graph.findings
        new = [print_ for print_ in now if print_ not in self._told]
        text = self._present.text(
            "looked",
            new=[(id_of(now[one]), now[one], graph.cause_of(one)) for one in new],
            gone=[
                f"{short_id(print_)} {title}"
                for print_, title in self._told.items()
                if print_ not in now
            ],
            ids={print_: id_of(finding) for print_, finding in now.items()},
        )
        self._told = {print_: finding.title for print_, finding in now.items()}
        return self._present.fenced(text, "the checks", len(text))

"""How evidence is shown to a model: fenced, with head, tail and what stands out, and a handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sme_prompts.load import Prompts
from sme_tools.analysis.digest import FEWEST_CHARS, digest
from sme_tools.hosts.evidence import Evidence
from sme_tools.probes.registry import probes
from sme_tools.safety.control import one_line
from sme_tools.safety.fence import Fence

FENCE_CHARS = 400
"""For the marks of a fence, and what characters that don't show become."""


@dataclass(frozen=True)
class Presenter:
    """Puts into words what a model is told, by the prompt files."""

    prompts: Prompts
    fence: Fence

    def text(self, name: str, /, **values: object) -> str:
        """A prompt by its name. Raises PromptInvalid."""
        return self.prompts.render(name, **values)

    def fenced(self, text: str, source: str, most_chars: int) -> str:
        """Data of a host, or of anybody who is not the person, within the fence."""
        return self.fence.around(text, source=source, most_chars=most_chars + FENCE_CHARS)

    def evidence(self, items: Sequence[Evidence], most_chars: int) -> str:
        """Several outputs, each with its id, in at most about so many characters."""
        each = max(most_chars // max(len(items), 1), FEWEST_CHARS)
        if len(items) < 2:
            return "".join(self._one(item, each) for item in items)
        # A fence around each would take more than most outputs do.
        shown = "\n\n".join(self._one(item, each, in_fence=True) for item in items)
        return self.fenced(shown, f"{len(items)} outputs, each under its id", len(shown))

    def named(self, item: Evidence) -> Evidence:
        """The output with its command in one line, in which no name of a host opens a fence."""
        command = one_line(item.command).replace(self.fence.marker, "[marker]")
        return item.model_copy(update={"command": command})

    def _one(self, item: Evidence, most_chars: int, *, in_fence: bool = False) -> str:
        shown = digest(output_of(item), most_chars=max(most_chars, FEWEST_CHARS))
        body = shown.render()
        return self.text(
            "evidence",
            item=self.named(item),
            probe=probe.summary if (probe := probes().get(item.step)) else "",
            lines=shown.total_lines,
            whole=shown.is_whole,
            body=self.fenced(body, item.id, len(body)) if body.strip() and not in_fence else body,
        )


def output_of(item: Evidence) -> str:
    """All that a command said, in the one form whose lines are numbered, searched and quoted."""
    if not item.stderr.strip():
        return item.stdout
    return f"{item.stdout}\n[stderr]\n{item.stderr}" if item.stdout.strip() else item.stderr

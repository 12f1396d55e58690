"""A typical incident in tokens: what each request of a model carries, and what it answers.

A tmpfs of this machine is full (a plain folder where we are not root), and a scripted model finds
it, mends it after approval, concludes and keeps the lesson, in the chat's own talk. Tokens are our
estimates of what really went over the wire; tests hold those to what providers count.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks._ways import user
from benchmarks.table import print_table
from sme_agent.events import Concluded, Event
from sme_agent.llm.events import Answered
from sme_agent.llm.scripted import ScriptedServer, read_plan
from sme_agent.llm.tokens import estimate, estimate_wire
from sme_agent.questions import Answer
from sme_agent.talk import Talk
from sme_cli import session
from sme_memory.incident import Incident
from sme_tools.hosts.host import localhost

PLAN = """\
models: [{name: scripted, context: 32768}]
exchanges:
  - thinks: "Where is the space gone?"
    calls:
      - {name: hypothesis, arguments: {theory: "old cores fill FOLDER", test: "list it"}}
      - {name: look, arguments: {host: HOST, probes: ["storage.*"], why: "who is full"}}
      - {name: run, arguments: {host: HOST, command: "du -a FOLDER", why: "what is large"}}
  - when: {has_tool_result: run}
    says: "A core file fills it. I would like to move it away."
    calls:
      - name: propose_fix
        arguments:
          host: HOST
          why: "the core file fills it"
          steps:
            - title: "Put the core file aside"
              run: "mv FOLDER/core.1 ASIDE"
              undo: "mv ASIDE FOLDER/core.1"
              verify: "test ! -e FOLDER/core.1"
  - when: {has_tool_result: propose_fix}
    calls:
      - name: conclude
        arguments:
          summary: "a core file filled FOLDER; it is put aside"
          verdict: cause-found
          confidence: high
          next_steps: [{text: "see what crashed"}]
          causes:
            - host: HOST
              text: "core.1 filled FOLDER"
              evidence: ["{{from run HOST/command.1#[0-9]+}}"]
              quotes: ["core.1"]
  - when: {last_user: save_lesson}
    calls:
      - name: save_lesson
        arguments:
          kind: new
          reason: "no known issue has it"
          issue: core-file-left
          title: "A core file was left"
          symptoms: ["the folder is full"]
          root_cause: "A crash left its core file."
default: {says: "Done."}
"""


def main() -> None:
    """Print a line for each request, and the sum."""
    here = localhost()
    with tempfile.TemporaryDirectory() as name, full_folder(Path(name)) as folder:
        plan = PLAN.replace("HOST", here.name).replace("FOLDER", str(folder))
        plan = plan.replace("ASIDE", f"{name}/aside")
        with ScriptedServer(read_plan(plan, "plan")) as server, user(server.base):
            events = list(_talk(folder))
            _print(server, [e.usage.output_tokens for e in events if isinstance(e, Answered)])
    diagnosis = [event for event in events if isinstance(event, Concluded)][-1].incident.diagnosis
    print(f"\nconcluded: {diagnosis.summary if diagnosis else 'nothing'}")


@contextmanager
def full_folder(base: Path) -> Iterator[Path]:
    """A full tmpfs below a folder; a plain folder where nothing may be mounted."""
    folder = base / "srv"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "sme-benchmark", str(folder)]
    mounted = os.getuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    print("a full tmpfs" if mounted else "a plain folder: a tmpfs takes root")
    try:
        (folder / "core.1").write_bytes(b"x" * (2 << 20))
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def _talk(folder: Path) -> Iterator[Event]:
    colleague = session.colleague(guard=session.guard())
    host = localhost()

    def yes(_question: object) -> Answer:
        return Answer("yes", by="the benchmark")

    with Talk(colleague, Incident.begin([host.name]), [host], ask=yes) as talk:
        yield from talk.say(f"{folder} is full, please mend it")


def _print(server: ScriptedServer, outputs: Sequence[int]) -> None:
    """`outputs` are of the answers in order; the lesson's is told to nobody and left out."""
    rows = [_row(number, one.body) for number, one in enumerate(server.asked, 1)]
    shown = [
        (*row, output) for row, output in zip_longest(rows, outputs[: len(rows)], fillvalue="")
    ]
    total = ["all", *(sum(int(row[at]) for row in rows) for at in range(1, len(rows[0])))]
    headers = ("request", "system", "tools", "case", "talk", "input", "output")
    print_table(headers, [*shown, (*total, sum(outputs))])


def _row(number: int, body: dict[str, Any]) -> list[int]:
    """A request's tokens by part: system prompt, tools, the case, what was said since, all."""
    messages = body["messages"]
    system = [one for one in messages if one["role"] == "system"]
    rest = [one for one in messages if one["role"] != "system"]
    parts = [
        estimate_wire(system),
        estimate(str([tool["function"] for tool in body.get("tools", ())])),
        estimate_wire(rest[:1]),
        estimate_wire(rest[1:]),
    ]
    return [number, *parts, sum(parts)]


if __name__ == "__main__":
    main()

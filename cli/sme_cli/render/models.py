"""The chain of models, and how they did when they were tried out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sme_cli.render.out import console, print_table
from sme_tools.safety.control import one_line, visible

if TYPE_CHECKING:
    from sme_agent.llm.messages import Usage
    from sme_agent.llm.overview import Entry
    from sme_agent.llm.trial import Trial

EXAMPLE = """\
models = ["anthropic/claude-opus-4-5", "deepseek/deepseek-chat", "ollama/qwen3:8b", "rules"]

[model."anthropic/claude-opus-4-5"]
api_key = "env:ANTHROPIC_API_KEY"

[model."deepseek/deepseek-chat"]
api_key = "command:pass show deepseek"

[model."ollama/qwen3:8b"]
api_base = "http://localhost:11434"
"""


def no_model(path: Path) -> str:
    """What there is to say where no model is configured."""
    return (
        "No model is configured: the rule reasoner diagnoses alone. To have a model reason, and\n"
        f"the rules go on where none answers, put what you use of this into\n{path}:\n\n"
        + "".join(f"    {line}".rstrip() + "\n" for line in EXAMPLE.splitlines())
        + "\nThen try them: sme model test\n"
    )


def entry_document(entry: Entry) -> dict[str, Any]:
    """One entry of the chain as JSON has it; prices in US dollars for a million tokens."""
    model = entry.model
    traits = model.traits
    return {
        "name": model.name,
        "model": model.litellm_name,
        "role": entry.role,
        "provider": traits.provider,
        "window_tokens": traits.window,
        "max_output_tokens": traits.max_output,
        "tools": traits.tools,
        "reasons": traits.reasons,
        "input_cost": traits.input_cost,
        "output_cost": traits.output_cost,
        "known_from": traits.source,
        "key": {"from": entry.key.source, "state": entry.key.state},
        "state": entry.state,
        "until": entry.until.isoformat() if entry.until else None,
        "because": entry.because,
        "tokens_per_s": _rounded(entry.tokens_per_s, 1),
        "answers": entry.answers,
        "spent_usd": entry.spent_usd,
        "cost_is_known": entry.cost_is_known,
    }


def print_entries(entries: Sequence[Entry]) -> None:
    """The chain: some lines for each on a terminal, else as a table."""
    if sys.stdout.isatty():
        for entry in entries:
            _print_entry(entry)
        return
    rows = [
        (
            entry.model.name,
            entry.model.traits.provider,
            f"{entry.model.traits.window:,}",
            entry.model.traits.tools,
            "yes" if entry.model.traits.reasons else "no",
            _prices(entry),
            _key(entry),
            _state(entry),
            _speed(entry.tokens_per_s),
            _spent(entry),
        )
        for entry in entries
    ]
    headers = ("MODEL", "PROVIDER", "WINDOW", "TOOLS", "REASONS", "$/M IN/OUT", "KEY", "STATE")
    print_table((*headers, "SPEED", "IN 30 DAYS"), rows, empty="no models")


def trial_document(trial: Trial) -> dict[str, Any]:
    """One trial as JSON has it."""
    failure = trial.failure
    return {
        "name": trial.model.name,
        "works": trial.works,
        "streams": trial.streams,
        "calls_tools": trial.calls_tools,
        "tools": trial.model.traits.tools,
        "window_tokens": trial.model.traits.window,
        "window_from": trial.model.traits.source,
        "first_token_s": _rounded(trial.first_token_s, 3),
        "tokens_per_s": _rounded(trial.tokens_per_s, 1),
        "input_tokens": trial.usage.input_tokens,
        "output_tokens": trial.usage.output_tokens,
        "cost_usd": trial.usage.cost_usd,
        "notes": trial.notes,
        "error": None
        if failure is None
        else {
            "class": type(failure).__name__,
            "message": failure.message,
            "remedy": failure.remedy,
        },
    }


def _print_entry(entry: Entry) -> None:
    from rich.text import Text

    traits, screen = entry.model.traits, console()
    colour = "green" if entry.state == "ready" else "yellow"
    head = Text(one_line(entry.model.name), style="bold") + Text("  ")
    head += Text(one_line(_state(entry)), style=colour)
    if entry.role == "summaries":
        head += Text("  (only sums up conversations)", style="dim")
    screen.print(head)
    can = [
        traits.provider,
        f"window {traits.window:,}" + (" (a guess)" if traits.source == "unknown" else ""),
        "tools" if traits.tools == "native" else "tools in words",
        *(["reasons"] if traits.reasons else []),
        f"$ per million: {_prices(entry)}",
    ]
    screen.print(Text("    " + one_line(" · ".join(can))))
    did = [f"key {_key(entry)}", _speed(entry.tokens_per_s), _spent(entry)]
    screen.print(Text("    " + one_line(" · ".join(filter(None, did))), style="dim"))


@contextmanager
def asking(name: str) -> Iterator[None]:
    """In this block it is said on stderr that a model is being asked; where nobody watches, not."""
    if not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(f"asking {one_line(name)}"):
        yield


def print_trial(trial: Trial) -> None:
    """One trial, as soon as it is over."""
    from rich.text import Text

    screen = console()
    mark, style = ("works", "green") if trial.works else ("fails", "red")
    screen.print(Text(f"{mark}  ", style=style) + Text(one_line(trial.model.name)))
    for line in _told(trial):
        screen.print(Text(f"       {one_line(line)}"))
    if trial.failure is not None:
        screen.print(Text(f"       {one_line(trial.failure.message)}"))
        for line in visible(trial.failure.remedy).splitlines():
            screen.print(Text(f"       {line}", style="dim"))
    sys.stdout.flush()


def _told(trial: Trial) -> list[str]:
    traits = trial.model.traits
    lines = []
    if trial.first_token_s is not None:
        said = "answers" + ("" if trial.streams else ", all at once")
        lines.append(
            f"{said}; first token after {trial.first_token_s:.2f} s{_written(trial.tokens_per_s)}"
        )
    if trial.calls_tools is not None:
        calls = "calls tools" if trial.calls_tools else "calls no tools"
        lines.append(calls + (", described in words" if traits.tools == "text" else ""))
    if lines:
        lines.append(f"window {traits.window:,} tokens ({traits.source})")
        lines.append(f"this took {_taken(trial.usage)}")
    return lines + trial.notes


def _written(tokens_per_s: float | None) -> str:
    return "" if tokens_per_s is None else f", then {tokens_per_s:.0f} tokens/s"


def _taken(usage: Usage) -> str:
    cost = "cost unknown" if usage.cost_usd is None else f"${usage.cost_usd:.5f}"
    return f"{usage.input_tokens + usage.output_tokens:,} tokens, {cost}"


def _prices(entry: Entry) -> str:
    traits = entry.model.traits
    if traits.input_cost is None or traits.output_cost is None:
        return "unknown"
    return f"{traits.input_cost:g} / {traits.output_cost:g}"


def _key(entry: Entry) -> str:
    return f"{entry.key.source} {entry.key.state}".strip()


def _state(entry: Entry) -> str:
    if entry.until is None:
        return entry.state
    until = entry.until.astimezone()
    today = until.date() == datetime.now().astimezone().date()
    when = until.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")
    return f"{entry.state} until {when}: {entry.because}"


def _speed(tokens_per_s: float | None) -> str:
    return "" if tokens_per_s is None else f"{tokens_per_s:.0f} tok/s"


def _spent(entry: Entry) -> str:
    if not entry.answers:
        return ""
    known = f"${entry.spent_usd:.4f}" if entry.spent_usd or entry.cost_is_known else ""
    unknown = "" if entry.cost_is_known else "cost unknown" if not known else " and more unknown"
    count = "1 answer" if entry.answers == 1 else f"{entry.answers} answers"
    return f"{known}{unknown} for {count}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

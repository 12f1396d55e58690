"""The tools that look at what is stored already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from sme_agent.model.arguments import AnalyseSeries, FindEvidence
from sme_agent.model.bench import Bench, Refusal, Told
from sme_agent.model.presenting import output_of
from sme_tools.analysis.numbered import page
from sme_tools.analysis.search import search
from sme_tools.analysis.series import analyse, numbers_in
from sme_tools.errors import PatternInvalid, UsageError
from sme_tools.hosts.evidence import Evidence

MOST_OUTPUTS = 8
"""That one search shows hits of."""
MOST_SECONDS = 6.0
"""For a search in all outputs together."""


def evidence(asked: FindEvidence, bench: Bench) -> Told:
    """A search in one output or in all, or a page of one."""
    if asked.pattern is None:
        return _page(bench.evidence(asked.id or ""), asked, bench)
    items = [bench.evidence(asked.id)] if asked.id else list(bench.case.evidence.values())
    try:
        hits = list(_hits(items, asked))
        shown = hits[:MOST_OUTPUTS]
        blocks = [_block(item, asked, bench, len(shown)) for item in shown]
    except PatternInvalid as error:
        raise Refusal(str(error)) from error
    text = bench.present.text(
        "found",
        pattern=asked.pattern,
        blocks=blocks,
        searched=len(items),
        others=[item.id for item in hits[MOST_OUTPUTS:]],
    )
    where = asked.id or f"{len(items)} outputs"
    return Told(text, f"searched {where} for {asked.pattern}", tuple(item.id for item in shown))


def _hits(items: Sequence[Evidence], asked: FindEvidence) -> Iterator[Evidence]:
    """The outputs in which something matches. Raises PatternInvalid."""
    until = time.monotonic() + MOST_SECONDS
    for item in items:
        if time.monotonic() > until:
            # Each output has its own time, and there may be hundreds.
            raise PatternInvalid(f"{asked.pattern!r} takes too long on {len(items)} outputs")
        if search(output_of(item), asked.pattern or "", most=1).total_hits:
            yield item


def _block(
    item: Evidence, asked: FindEvidence, bench: Bench, among: int
) -> tuple[Evidence, int, str]:
    """The output, how many of its lines match, and those that are shown."""
    each = bench.most_chars // among
    # A place to go on from is of one output: in others it would hide what comes before it.
    first = asked.first_line if asked.id else 1
    found = search(output_of(item), asked.pattern or "", first_line=first, most_chars=each)
    body = found.render()
    if found.next_line is not None:
        body += f"\n⋮ {found.next_line}"
    return item, found.total_hits, bench.present.fenced(body, item.id, each)


def _page(item: Evidence, asked: FindEvidence, bench: Bench) -> Told:
    shown = page(
        output_of(item),
        asked.first_line,
        asked.lines,
        column=asked.column,
        most_chars=bench.most_chars,
    )
    text = bench.present.text(
        "page",
        item=item,
        total=shown.total_lines,
        next_line=shown.next_line,
        next_column=shown.next_column,
        body=bench.present.fenced(shown.render(), item.id, bench.most_chars),
    )
    return Told(text, f"read {item.id} from line {asked.first_line}", (item.id,))


def analyse_series(asked: AnalyseSeries, bench: Bench) -> Told:
    """The trend of numbers in an output."""
    item = bench.evidence(asked.id)
    try:
        report = analyse(numbers_in(output_of(item), asked.pattern), limit=asked.limit)
    except UsageError as error:
        raise Refusal(str(error)) from error
    text = bench.present.fenced(report.summary(), item.id, bench.most_chars)
    return Told(text, f"analysed {asked.pattern} in {item.id}", (item.id,))

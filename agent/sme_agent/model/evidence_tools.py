"""The tools that look at what is stored already."""

from __future__ import annotations

from sme_agent.model.arguments import AnalyseSeries, FindEvidence
from sme_agent.model.bench import Bench, Refusal, Told
from sme_agent.model.presenting import output_of
from sme_tools.analysis.numbered import page
from sme_tools.analysis.search import search
from sme_tools.analysis.series import analyse, numbers_in
from sme_tools.errors import PatternInvalid
from sme_tools.hosts.evidence import Evidence

MOST_OUTPUTS = 8
"""That one search shows hits of."""


def evidence(asked: FindEvidence, bench: Bench) -> Told:
    """A search in one output or in all, or a page of one."""
    if asked.pattern is None:
        return _page(bench.evidence(asked.id or ""), asked, bench)
    items = [bench.evidence(asked.id)] if asked.id else list(bench.case.evidence.values())
    try:
        hits = [
            (item, search(output_of(item), asked.pattern, first_line=asked.first_line, most=1))
            for item in items
        ]
        hits = [(item, found) for item, found in hits if found.total_hits]
        shown = hits[:MOST_OUTPUTS]
        each = bench.most_chars // max(len(shown), 1)
        blocks = [
            (
                item,
                found.total_hits,
                bench.present.fenced(
                    search(
                        output_of(item), asked.pattern, first_line=asked.first_line, most_chars=each
                    ).render(),
                    item.id,
                    each,
                ),
            )
            for item, found in shown
        ]
    except PatternInvalid as error:
        raise Refusal(str(error)) from error
    text = bench.present.text(
        "found",
        pattern=asked.pattern,
        blocks=blocks,
        searched=len(items),
        others=[item.id for item, _ in hits[MOST_OUTPUTS:]],
    )
    where = asked.id or f"{len(items)} outputs"
    ids = tuple(item.id for item, _ in shown)
    return Told(text, f"searched {where} for {asked.pattern}", ids)


def _page(item: Evidence, asked: FindEvidence, bench: Bench) -> Told:
    shown = page(output_of(item), asked.first_line, asked.lines, most_chars=bench.most_chars)
    text = bench.present.text(
        "page",
        item=item,
        total=shown.total_lines,
        next_line=shown.next_line,
        body=bench.present.fenced(shown.render(), item.id, bench.most_chars),
    )
    return Told(text, f"read {item.id} from line {asked.first_line}", (item.id,))


def analyse_series(asked: AnalyseSeries, bench: Bench) -> Told:
    """The trend of numbers in an output."""
    item = bench.evidence(asked.id)
    try:
        report = analyse(numbers_in(output_of(item), asked.pattern), limit=asked.limit)
    except (PatternInvalid, ValueError) as error:
        raise Refusal(str(error)) from error
    return Told(report.summary(), f"analysed {asked.pattern} in {item.id}", (item.id,))

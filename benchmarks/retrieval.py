"""Retrieval of known issues: how often the right one comes first, and how long a search takes.

    python -m benchmarks.retrieval [FOLDER] [--model MODEL] [--sizes 1000 100000]

FOLDER (or SME_BENCH_DATA, or ../shared/data) holds topics.jsonl (id, title, root_cause,
resolution) and queries.jsonl (query, topic_id). MODEL (or SME_BENCH_MODEL) is a folder or the name
of a sentence-transformers model on this machine, for the hybrid. What is absent is said and left
out.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.table import data_folder, print_table
from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.hybrid import HybridRetriever
from sme_knowledge.known_issue import KnownIssue, Provenance, Step, Verification
from sme_knowledge.retrieval import Retriever
from sme_knowledge.store import KnownIssues

NOT_ABOUT_MACHINES = (
    *("why does my loaf of bread collapse in the oven", "compare iphone and pixel cameras"),
    *("how to write a cover letter", "what time is it in Tokyo", "who wrote War and Peace"),
    *("how to remove a wine stain from a carpet", "pandas groupby aggregate multiple columns"),
    *("how to reverse a string in go", "vue component does not rerender after props change"),
    *("haskell monad transformer example", "c# async await deadlock in wpf", "birthday present"),
    *("how to make a button round in swiftui", "matplotlib legend outside of plot"),
    *("minecraft redstone door", "learn spanish verbs fast", "train from Berlin to Paris price"),
    *("lawn mower does not start after winter", "my bicycle chain keeps slipping"),
    *("how do I invest in index funds", "the dishwasher leaks water on the floor"),
    *("best exercises for lower back pain", "django model foreign key related name"),
    *("webpack config for svg files", "angular reactive form validation message"),
    *("how to resize an image in gimp", "Wie binde ich eine Krawatte", "knitting a baby hat"),
    *("cómo hacer una tortilla de patatas", "日本語の勉強方法", "как приготовить борщ"),
    *("explain quantum entanglement simply", "fix grammar in this sentence"),
    *("printer prints blank pages", "which wine goes with salmon", "my phone battery drains fast"),
    *("c++ template specialization error", "unit tests for a react hook", "tomatoes on a balcony"),
)


def main(arguments: Sequence[str] = ()) -> None:
    """Print quality, silence on foreign queries, and speed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=data_folder("."))
    parser.add_argument("--model", default=os.environ.get("SME_BENCH_MODEL"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 100_000])
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as cache:
        quality(chosen.folder, chosen.model, Path(cache))
        noise(chosen.model, Path(cache))
    cold()
    headers = ("issues", "index s", "MiB", "reopen s", "warm ms a query", "95th percentile")
    print_table(headers, [speed(size) for size in chosen.sizes])


def retrievers(
    issues: Sequence[KnownIssue], model: str | None, cache: Path
) -> Iterable[tuple[str, Retriever]]:
    yield "BM25", Bm25Retriever(issues)
    if importlib.util.find_spec("sentence_transformers") is None:
        print("hybrid: skipped, sentence-transformers is not installed")
    elif model is None:
        print("hybrid: skipped, no --model and no SME_BENCH_MODEL")
    else:
        yield "hybrid", HybridRetriever(issues, model, cache_folder=cache)


def quality(folder: Path | None, model: str | None, cache: Path) -> None:
    """R@1, R@5 and MRR on real phrasings."""
    if folder is None or not (folder / "queries.jsonl").exists():
        print("quality: skipped, no folder with topics.jsonl and queries.jsonl was given")
        return
    issues = [topic(row) for row in rows(folder / "topics.jsonl")]
    asked = [(row["query"], row["topic_id"]) for row in rows(folder / "queries.jsonl")]
    table = []
    for name, retriever in retrievers(issues, model, cache):
        ranks, times = [], []
        for query, wanted in asked:
            started = time.perf_counter()
            ids = [match.issue.id for match in retriever.search(query, limit=len(issues))]
            times.append(time.perf_counter() - started)
            ranks.append(ids.index(wanted) + 1 if wanted in ids else 0 if ids else -1)
        first = statistics.fmean(rank == 1 for rank in ranks)
        top = statistics.fmean(1 <= rank <= 5 for rank in ranks)
        reciprocal = statistics.fmean(1 / rank if rank > 0 else 0 for rank in ranks)
        milliseconds = statistics.median(times) * 1000
        table.append((name, first, top, reciprocal, sum(r == -1 for r in ranks), milliseconds))
    print_table((f"{len(asked)} queries", "R@1", "R@5", "MRR", "nothing", "ms a query"), table)


def noise(model: str | None, cache: Path) -> None:
    """How many queries about something else find anything in the shipped library."""
    issues = KnownIssues.load().current()
    for name, retriever in retrievers(issues, model, cache):
        found = [query for query in NOT_ABOUT_MACHINES if retriever.search(query)]
        print(f"{name}: {len(found)} of {len(NOT_ABOUT_MACHINES)} foreign queries find something")
        for query in found:
            print(f"    {query}: {retriever.search(query)[0].why}")


def cold() -> None:
    """A new process that loads the shipped library and answers one query."""
    program = (
        "from sme_knowledge.store import KnownIssues; from sme_knowledge.bm25 import Bm25Retriever;"
        "print(Bm25Retriever(KnownIssues.load().current()).search('cuda error 304')[0].issue.id)"
    )
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    print(
        f"shipped library, cold (start, load, index, one query): {statistics.median(times):.2f} s"
    )


def speed(size: int) -> tuple[object, ...]:
    """Index, reopen and search `size` made-up issues, whose words are as unequal as real ones."""
    draw = random.Random(size)
    words = [f"{draw.choice(SYLLABLES)}{draw.choice(SYLLABLES)}{n}" for n in range(40_000)]
    weights = [1 / (n + 10) for n in range(len(words))]
    issues = [made_up(draw.choices(words, weights, k=90), n) for n in range(size)]
    queries = [" ".join(draw.choices(words, weights, k=8)) for _ in range(200)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "issues.index"
        started = time.perf_counter()
        Bm25Retriever(issues, path)
        built = time.perf_counter() - started
        started = time.perf_counter()
        retriever = Bm25Retriever(issues, path)
        retriever.search(queries[0])
        opened = time.perf_counter() - started
        times = []
        for query in queries:
            started = time.perf_counter()
            retriever.search(query)
            times.append((time.perf_counter() - started) * 1000)
        mebibytes = path.stat().st_size / 2**20
    slow = statistics.quantiles(times, n=20)[-1]
    return (f"{size:,}", built, mebibytes, opened, statistics.median(times), slow)


SYLLABLES = ("disk", "net", "mem", "gpu", "pod", "log", "zfs", "tls", "dns", "cpu", "nfs", "vol")


def made_up(words: list[str], number: int) -> KnownIssue:
    return issue(
        f"made-up-{number}",
        " ".join(words[:8]),
        symptoms=[" ".join(words[8:16]), " ".join(words[16:24])],
        root_cause=" ".join(words[24:50]),
        story=" ".join(words[50:]),
    )


def topic(row: dict[str, str]) -> KnownIssue:
    return issue(
        row["id"],
        row["title"][:140],
        symptoms=[row["title"]],
        root_cause=row["root_cause"],
        story=row["resolution"],
    )


def issue(id: str, title: str, *, symptoms: list[str], root_cause: str, story: str) -> KnownIssue:
    return KnownIssue(
        id=id,
        title=title,
        severity="medium",
        status="candidate",
        applies_to=["linux"],
        symptoms=symptoms,
        root_cause=root_cause,
        resolution=[Step(title="Mend it", run="true", verify=Verification(run="true"))],
        provenance=Provenance(source="a benchmark", recorded=datetime.date(2026, 11, 20)),
        story=story,
    )


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


if __name__ == "__main__":
    main(sys.argv[1:])

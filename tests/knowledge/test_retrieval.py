"""Search by words: what is found and why, what is not found and why, and text that is hostile."""

import sqlite3
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_knowledge import bm25
from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.store import KnownIssues
from sme_tools.errors import StateError, UsageError


@pytest.fixture
def retriever(few_issues):
    return Bm25Retriever(few_issues)


@pytest.fixture(scope="module")
def library():
    return Bm25Retriever(KnownIssues.load().current())


@pytest.mark.parametrize(
    ("query", "id"),
    [
        ("CUDA_ERROR_OPERATING_SYSTEM", "cuda-304"),
        ("cuda failure 304 in llama.cpp", "cuda-304"),
        ("S6-APPLYUIDGID: fatal", "s6-permissions"),
        ("pihole: port 53 address already in use", "port-taken"),
        ("imagepullbackoff", "image-pull"),
        ("write error: No space left on device (os error 28)", "disk-full"),
        ("docker: 磁盘 no space left on device", "disk-full"),
    ],
)
def test_an_issue_is_found_by_any_of_its_spellings(retriever, query, id):
    assert retriever.search(query)[0].issue.id == id


def test_a_match_says_which_words_matched_where(retriever):
    why = retriever.search("s6-applyuidgid: fatal: unable to set group list")[0].why
    assert why.startswith("title: “s6-applyuidgid”; symptoms: “fatal”")


def test_the_nearest_comes_first_and_the_limit_is_kept(retriever):
    found = retriever.search("docker disk, and kubernetes cannot pull an image", limit=2)
    assert [match.issue.id for match in found] == ["image-pull", "disk-full"]
    assert found[0].score > found[1].score
    assert len(retriever.search("docker disk full pull an image", limit=1)) == 1


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "holds no word"),
        ("help, it does not work any more!", "holds no word"),
        ("sourdough bread", "No known issue has any of the words “sourdough”, “bread”"),
        ("a container of pasta with tomato sauce and basil", "too little"),
    ],
)
def test_nothing_is_found_for_a_reason(retriever, query, reason):
    found = retriever.search(query)
    assert found == []
    assert reason in found.why_nothing


def test_without_issues_it_says_so():
    assert "no known issues" in Bm25Retriever([]).search("anything").why_nothing


@pytest.mark.parametrize(
    "query",
    [
        "why does my loaf of bread collapse in the oven",
        "compare iphone and pixel cameras",
        "how to remove a wine stain from a carpet",
        "pandas groupby aggregate multiple columns",
        "vue component does not rerender after props change",
        "haskell monad transformer example",
        "matplotlib legend outside of plot",
        "train from Berlin to Paris price",
        "the dishwasher leaks water on the floor",
        "best exercises for lower back pain",
        "angular reactive form validation message",
        "Wie binde ich eine Krawatte",
        "cómo hacer una tortilla de patatas",
        "日本語の勉強方法",
        "как приготовить борщ",
        "explain quantum entanglement simply",
        "fix grammar in this sentence",
        "my phone battery drains fast",
    ],
)
def test_a_query_about_something_else_finds_nothing_in_the_library(library, query):
    found = library.search(query)
    assert [(match.issue.id, match.why) for match in found] == []
    assert found.why_nothing


HOSTILE = [
    '"',
    "'; DROP TABLE issues; --",
    'title:cuda AND NOT "docker" OR (NEAR(a b, 3))*',
    "^cuda* -docker +gpu {title}: x",
    "\x00cuda\x00304\x00",
    "\ud800\udfff cuda 304",
    "cuda " * 200_000,
    "a" * 1_000_000,
    "." * 1_000_000,
    "a.b-c_d:" * 100_000,
    "(" * 10_000,
    "🔥💥 docker 🔥",
    "\u202ecuda\u202c 304",
    "%s %n {0} $(reboot) `reboot`",
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_only_text(retriever, query):
    retriever.search(query)
    assert retriever.search("cuda error 304")[0].issue.id == "cuda-304"


@given(st.text())
def test_any_text_is_a_query(library, query):
    found = library.search(query, limit=3)
    assert len(found) <= 3
    assert bool(found) != bool(found.why_nothing)


def test_one_retriever_serves_several_threads(library):
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.extend(
                library.search("nf_conntrack table full")[0].issue.id for _ in range(20)
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["conntrack-table-full"] * 80


def test_an_index_in_a_file_is_reused_while_it_fits(few_issues, tmp_path):
    path = tmp_path / "cache" / "issues.index"
    assert Bm25Retriever(few_issues, path).search("cuda 304")
    made = path.stat().st_mtime_ns
    assert Bm25Retriever(few_issues, path).search("cuda 304")
    assert path.stat().st_mtime_ns == made
    assert not Bm25Retriever(few_issues[1:], path).search("cuda 304")
    assert path.stat().st_mtime_ns != made
    assert [left.name for left in path.parent.iterdir()] == ["issues.index"]


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000, b"SQLite format 3\x00" + b"\x00" * 99])
def test_a_damaged_index_is_made_anew(few_issues, tmp_path, content):
    path = tmp_path / "issues.index"
    path.write_bytes(content)
    assert Bm25Retriever(few_issues, path).search("cuda 304")[0].issue.id == "cuda-304"


def test_an_index_that_cannot_be_written_is_reported(few_issues, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="can't be written"):
        Bm25Retriever(few_issues, tmp_path / "file" / "issues.index")


def test_a_sqlite_without_fts5_is_said_with_a_remedy(monkeypatch, few_issues):
    class WithoutFts5(sqlite3.Connection):
        def execute(self, sql, *args):
            return super().execute(sql.replace("fts5", "no_such_module"), *args)

    real = sqlite3.connect
    monkeypatch.setattr(
        bm25.sqlite3, "connect", lambda *args, **more: real(*args, factory=WithoutFts5, **more)
    )
    with pytest.raises(UsageError, match="FTS5") as caught:
        Bm25Retriever(few_issues)
    assert "sme doctor" in caught.value.remedy

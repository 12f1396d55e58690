"""Search by words and meaning: with a small embedder of letter groups in the place of a model."""

import hashlib
import math
import sqlite3
import sys
from contextlib import closing

import pytest

from sme_knowledge.embedding import EmbeddingCache, SentenceTransformerEmbedder, cosines
from sme_knowledge.hybrid import HybridRetriever, z_scores
from sme_tools.errors import StateError, UsageError


class LetterGroups:
    """Embeds a text by its groups of four letters: near spellings are near."""

    def __init__(self, name="letter-groups-1", size=256):
        self.name = name
        self.size = size
        self.embedded = []

    def embed(self, texts):
        self.embedded += texts
        return [self._vector(text.lower()) for text in texts]

    def _vector(self, text):
        counts = [0.0] * self.size
        for at in range(len(text) - 3):
            group = hashlib.sha256(text[at : at + 4].encode("utf-8", "replace")).digest()
            counts[int.from_bytes(group[:4]) % self.size] += 1.0
        length = math.hypot(*counts) or 1.0
        return [count / length for count in counts]


@pytest.fixture
def retriever(few_issues, tmp_path):
    return HybridRetriever(few_issues, LetterGroups(), cache_folder=tmp_path)


def test_what_both_find_comes_first(retriever):
    match = retriever.search("no space left on device")[0]
    assert match.issue.id == "disk-full"
    assert match.why.startswith("meaning: 1.00 near; title: ")


def test_meaning_finds_what_shares_no_whole_word(retriever, few_issues):
    found = retriever.search("cudaErrorOperatingSystems")
    assert found[0].issue.id == "cuda-304"
    assert "meaning" in found[0].why


def test_words_find_what_is_far_in_meaning(few_issues, tmp_path):
    strict = HybridRetriever(few_issues, LetterGroups(), cache_folder=tmp_path, min_cosine=1.1)
    match = strict.search("imagepullbackoff")[0]
    assert match.issue.id == "image-pull"
    assert "meaning" not in match.why


@pytest.mark.parametrize("query", ["sourdough", "", "   ", "\x00", "how do I knit a jumper"])
def test_nothing_is_found_for_a_reason(retriever, query):
    found = retriever.search(query)
    assert found == []
    assert found.why_nothing


@pytest.mark.parametrize("query", ['"', "cuda* OR", "\ud800 cuda 304", "x" * 1_000_000])
def test_hostile_text_is_only_text(retriever, query):
    retriever.search(query)


def test_without_issues_it_says_so(tmp_path):
    empty = HybridRetriever([], LetterGroups(), cache_folder=tmp_path)
    assert "no known issues" in empty.search("cuda").why_nothing


def test_the_limit_is_kept(retriever):
    assert len(retriever.search("docker disk full, cannot pull an image", limit=1)) == 1


def test_embeddings_are_made_once(few_issues, tmp_path):
    first, second = LetterGroups(), LetterGroups()
    HybridRetriever(few_issues, first, cache_folder=tmp_path)
    assert len(first.embedded) > len(few_issues)
    found = HybridRetriever(few_issues, second, cache_folder=tmp_path).search("cuda error 304")
    assert second.embedded == ["cuda error 304"]
    assert found[0].issue.id == "cuda-304"


def test_only_what_is_new_is_embedded(few_issues, make_issue, tmp_path):
    HybridRetriever(few_issues, LetterGroups(), cache_folder=tmp_path)
    later = LetterGroups()
    more = [*few_issues, make_issue("new-one", "Something new")]
    HybridRetriever(more, later, cache_folder=tmp_path)
    assert later.embedded == ["Something new\nIt is so.", "Something new"]


def test_another_model_makes_its_own(few_issues, tmp_path):
    HybridRetriever(few_issues, LetterGroups(), cache_folder=tmp_path)
    other = LetterGroups(name="letter-groups-2", size=64)
    assert HybridRetriever(few_issues, other, cache_folder=tmp_path).search("cuda error 304")
    assert len(other.embedded) > 1


def test_a_damaged_cache_is_made_anew(few_issues, tmp_path):
    (tmp_path / "embeddings.sqlite3").write_bytes(b"rubbish" * 1000)
    assert HybridRetriever(few_issues, LetterGroups(), cache_folder=tmp_path).search("cuda 304")


def test_a_cache_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="cache of embeddings"):
        EmbeddingCache(tmp_path / "file" / "below")


def test_a_full_disk_costs_the_cache_and_not_the_search(tmp_path):
    cache = EmbeddingCache(tmp_path)
    with closing(sqlite3.connect(cache.path)) as other:
        pages = other.execute("PRAGMA page_count").fetchone()[0]
    cache._db.execute(f"PRAGMA max_page_count = {pages}")
    texts = [f"text {number}" for number in range(200)]
    assert len(cache.vectors(LetterGroups(), texts)) == 200
    cache.close()


def test_without_the_extra_it_says_how_to_get_it(monkeypatch, tmp_path, few_issues):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UsageError, match="needs sentence-transformers") as caught:
        HybridRetriever(few_issues, "sentence-transformers/some-model", cache_folder=tmp_path)
    assert "pip install 'debug-sme[sentence-transformers]'" in caught.value.remedy


@pytest.mark.parametrize("model", ["/no/such/folder", "./models/mini", "~/models/mini", "a/b/c"])
def test_a_folder_that_is_not_there_is_said_before_anything_loads(model):
    with pytest.raises(UsageError, match="no such folder"):
        SentenceTransformerEmbedder(model)


def test_the_name_of_a_folder_changes_with_its_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = SentenceTransformerEmbedder(str(tmp_path)).name
    (tmp_path / "config.json").write_text('{"changed": true}')
    assert SentenceTransformerEmbedder(str(tmp_path)).name != before
    assert SentenceTransformerEmbedder("all-MiniLM-L6-v2").name == "all-MiniLM-L6-v2"


def test_cosines_are_the_sums_of_products():
    vectors = LetterGroups().embed(["docker", "docker disk", "quorum"])
    (query,) = LetterGroups().embed(["docker disk full"])
    by_hand = [sum(a * b for a, b in zip(vector, query, strict=True)) for vector in vectors]
    assert cosines(vectors)(query) == pytest.approx(by_hand, abs=1e-6)
    assert cosines([])(query) == []


def test_z_scores():
    assert z_scores([1.0, 2.0, 3.0]) == pytest.approx([-1.2247, 0.0, 1.2247], abs=1e-4)
    assert z_scores([5.0, 5.0]) == [0.0, 0.0]
    assert z_scores([]) == []

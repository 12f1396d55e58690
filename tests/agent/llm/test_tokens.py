"""Token estimates against the tokenizer that litellm ships."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.messages import AssistantMessage, Tool, ToolCall, UserMessage
from sme_agent.llm.tokens import Calibration, estimate, estimate_message, estimate_tools

ENGLISH = (
    "The database stopped accepting writes at two in the morning because its filesystem was full. "
    "A nightly backup had left its temporary files behind, and nobody had noticed that the cleanup "
    "job was failing since the upgrade. Check the timer first, then remove what is older."
)
LOG = "\n".join(
    f"Nov 20 16:{n:02d}:{n * 7 % 60:02d} web{n} kernel: [{n * 31}.{n * 977:06d}] e1000e 00:1f.6 "
    f"eth0: Detected Hardware Unit Hang: TDH <{n:x}> next_to_use <{n * 3:x}> 0x{n * 4099:08x}"
    for n in range(30)
)
TABLE = "\n".join(
    f"/dev/sd{chr(97 + n)}1{n * 1024571:>14}{n * 51371:>12}{n * 7}%  /srv/volume{n}"
    for n in range(20)
)
TEXTS = {
    "English": ENGLISH,
    "log": LOG,
    "table": TABLE,
    "JSON": json.dumps([{"at": f"/srv/{n}", "used": n * 1.7, "ok": n % 2 == 0} for n in range(30)]),
    "JSON, indented": json.dumps([{"mount": f"/srv/{n}", "ok": None} for n in range(20)], indent=2),
    "code": Path(__file__).read_text("utf-8"),
    "Chinese": "数据库在凌晨两点停止接受写入，因为它的文件系统已满。",
    "Japanese": "データベースは午前二時に書き込みを受け付けなくなりました。",
    "Korean": "데이터베이스는 새벽 두 시에 쓰기를 중단했습니다.",
    "Russian": "База данных перестала принимать записи в два часа ночи.",
    "German": "Die Datenbank nahm um zwei Uhr nachts keine Schreibvorgänge mehr an.",
    "hexadecimal": " ".join(f"{n * 2654435761 % 2**64:016x}" for n in range(60)),
}  # fmt: skip


@pytest.fixture(scope="module")
def exact():
    """The tokens of cl100k_base, from the file that comes with litellm."""
    import tiktoken

    folder = Path(importlib.util.find_spec("litellm").origin).parent
    cache = folder / "litellm_core_utils/tokenizers"
    patch = pytest.MonkeyPatch()
    patch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    encoding = tiktoken.get_encoding("cl100k_base")
    patch.undo()
    return lambda text: len(encoding.encode(text, disallowed_special=()))


@pytest.mark.parametrize("kind", TEXTS)
def test_no_kind_of_text_is_much_longer_than_estimated(exact, kind):
    true = exact(TEXTS[kind])
    assert 0.9 * true <= estimate(TEXTS[kind]) <= 1.5 * true


@given(st.text(max_size=300))
def test_any_text_has_an_estimate_that_does_not_shrink_when_it_is_doubled(text):
    assert estimate(text + "\n" + text) >= estimate(text) >= bool(text.strip())


def test_nothing_has_no_tokens():
    assert estimate("") == 0


def test_a_message_counts_its_reasoning_and_its_calls():
    plain = AssistantMessage(text=ENGLISH)
    calls = (ToolCall(id="c1", name="run", arguments={"command": "df -h"}),)
    full = plain.model_copy(update={"reasoning": ENGLISH, "calls": calls})
    assert estimate_message(full) > 2 * estimate(ENGLISH)
    assert estimate_message(plain) < estimate_message(UserMessage(text=ENGLISH)) + 5


def test_tools_count_their_schemas():
    tool = Tool(name="run", description=ENGLISH, parameters={"type": "object", "properties": {}})
    assert estimate_tools([tool, tool]) == 2 * estimate_tools([tool])
    assert estimate_tools([tool]) > estimate(ENGLISH)


def test_calibration_follows_the_counts_of_each_model():
    calibration = Calibration()
    assert calibration.tokens("m", 1000) == 1000
    for _ in range(4):
        calibration.learn("m", 1000, 1300)
    assert calibration.tokens("m", 1000) == 1300
    assert calibration.tokens("other", 1000) == 1000
    for _ in range(20):
        calibration.learn("m", 1000, 900)
    assert 900 <= calibration.tokens("m", 1000) <= 905


@pytest.mark.parametrize("counted", [0, 10, 100_000])
def test_calibration_ignores_counts_of_something_else(counted):
    calibration = Calibration()
    calibration.learn("m", 1000, counted)
    assert calibration.factor("m") == 1.0

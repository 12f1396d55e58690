"""Every shipped prompt: used by something, whole with realistic data, and short."""

import ast
import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from model_cases import FENCE, bench_for, case_of, evidence, exact_tokens
from sme_agent.llm.messages import Tool
from sme_agent.llm.model import Model, Prompt, Traits
from sme_agent.llm.request import request_for
from sme_agent.model import toolbox
from sme_agent.model.arguments import ARGUMENTS
from sme_agent.model.bench import id_of
from sme_memory.incident import Claim, Hypothesis, Repair
from sme_prompts.load import SUFFIX, TOOLS, Prompts
from sme_tools.actions.outcome import STATE_IN_WORDS, Outcome
from sme_tools.actions.plan import Action, Plan, Verify
from sme_tools.errors import PromptInvalid
from sme_tools.model_settings import ModelOptions

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("agent",)
RENDERERS = {"render", "text", "_text", "_tell", "_add", "say"}
"""What a prompt's name is given to, first or second."""
LEFT_OVER = re.compile(r"\bNone\b(?!:| of )|Undefined|\{\{|\{%|object at 0x|\n{3}")
MOST_TOKENS = 3000
"""Of system prompt and tools together, so that a window of 8K has room for work."""


def shipped():
    """The names of all prompts but partials."""
    return {name.removesuffix(SUFFIX) for name in Prompts().names() if name != TOOLS}


def named_in_code():
    """The prompts that the code names, and where."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "scripted" in path.parts:
                continue  # it speaks for models, and is told nothing
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                for name in _names(node):
                    found.setdefault(name, f"{path.name}:{node.lineno}")
    return found


def _names(node):
    if not isinstance(node, ast.Call):
        return
    called = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
    if called not in RENDERERS:
        return
    for argument in node.args[:2]:
        for part in ast.walk(argument):
            value = getattr(part, "value", None)
            if isinstance(value, str) and re.fullmatch(r"[a-z]+(_[a-z]+)*", value):
                yield value


def test_every_prompt_that_the_code_names_is_there():
    missing = {name: where for name, where in named_in_code().items() if name not in shipped()}
    assert not missing


def test_every_prompt_is_used():
    partials = {name for name in shipped() if name.startswith("_")}
    texts = "".join(Path(Prompts().source(name)).read_text("utf-8") for name in Prompts().names())
    assert shipped() - partials - named_in_code().keys() == set()
    assert {name for name in partials if f'"{name}{SUFFIX}"' not in texts} == set()


@pytest.fixture
def case(colleague, tmp_path):
    return case_of("full-disk-database", colleague, tmp_path)


@pytest.fixture
def values(case, colleague):
    """Realistic values for each prompt; a list where it has several faces."""
    incident, graph = case.incident, case.causes()
    finding = incident.findings[0]
    item = evidence("web1/command.1#2", "Filesystem Use%\n/dev/sda1 94% /\n", command="df -h")
    ids = {print_: id_of(one) for print_, one in graph.findings.items()}
    action = Action(title="Make room", run="rm /x", verify=Verify(run="test ! -e /x"))
    repair = Repair(change="c1", host="box", outcome=Outcome.FIXED, issue="docker-root-full")
    mended = incident.model_copy(update={"repairs": [repair]})
    theory = Hypothesis(
        id="H1", theory="the disk is full", test="df -h", priority=1, evidence_for=[item.id]
    )
    errors = _errors()
    lines = [(id_of(f), f, graph.cause_of(f.fingerprint)) for f in incident.findings]
    matches = bench_for(colleague, case).desk.retriever.search("disk full", limit=3)
    check = {check.id: check for check in case.checks}[finding.check]
    timed_out = item.model_copy(
        update={"exit_code": None, "outcome": "timed-out", "command": "x" * 900}
    )
    shown = {"item": item, "body": FENCE.around("94% /", source=item.id)}
    known = Claim(text="x", evidence=["box/x#1"], known_issue="oom-kill")
    rules = incident.diagnosis.model_copy(
        update={"root_causes": [*incident.diagnosis.root_causes, known]}
    )
    told = {
        "incident": mended, "hosts": case.hosts, "findings": lines, "ids": ids, "more": 3,
        "recognised": [(r, ["F1"], r.host == "box") for r in case.recognised[:2]],
        "near": list(matches),
        "seen_before": {finding.fingerprint: ["20261119-000000-aaaa"]}, "facts": case.facts,
        "quotes": {finding.fingerprint: "/dev/sda1 94% /"}, "deeper": [("box/x#2", "4096 /srv")],
        "rules": rules, "unread": {("box", "needs root"): ["storage.smart"]},
        "further": ["storage.smart"], "lines": {"oom-kill": "Killed process 1"},
    }  # fmt: skip
    empty = told | {
        "incident": incident.model_copy(
            update={"findings": [], "unreachable": {"box": "no route"}}
        ),
        "findings": [], "more": 0, "recognised": [], "near": [], "seen_before": {},
        "quotes": {}, "rules": None, "deeper": [], "unread": {}, "further": [], "lines": {},
    }  # fmt: skip
    return {
        "accepted": {},
        "alone": {},
        "answered_below": {},
        "attached": {"text": "See this", "evidence": shown["body"]},
        "bad_arguments": {"errors": errors},
        "board": {"board": [theory, theory.model_copy(update={"status": "refuted"})]},
        "case": [told, empty, empty | {"hosts": {}}],
        "conclusion_rejected": {"problems": [{"cause": 1, "text": "x"}, {"cause": 0, "text": "y"}]},
        "cut_off": [{"what": what} for what in ("text", "call", "reasoning")],
        "evidence": [
            shown | {"lines": 1, "whole": False, "probe": ""},
            shown | {"lines": 2, "whole": True, "probe": "", "item": timed_out},
            shown | {"lines": 2, "whole": True, "probe": "What it tells. Source: ps(1)."},
            shown | {"lines": 0, "whole": True, "probe": "", "body": ""},
        ],
        "facts": [
            {"summary": "", "turns": _turns(), "left_out": 0, "long": 300},
            {"summary": "It was the disk.", "turns": _turns(), "left_out": 7, "long": 300},
        ],
        "fixed": [{"repairs": [repair], "states": STATE_IN_WORDS}, {"repairs": [], "states": {}}],
        "found": [
            {
                "blocks": [(item, 1, shown["body"])], "searched": 3, "pattern": "x",
                "others": ["a#1"],
            },
            {"blocks": [], "searched": 1, "pattern": "x", "others": []},
        ],
        "incident": {"incident": mended},
        "incident_over": {
            "incident": mended, "claims": incident.diagnosis.root_causes,
            "findings": [(finding, check)], "plans": [Plan(host="box", actions=(action,))],
            "near": list(matches),
        },
        "incidents": [{"incidents": [mended], "searched": 4}, {"incidents": [], "searched": 4}],
        "interrupted": {},
        "issue": [{"issue": issue, "hosts": {"box": "holds"}} for issue in case.issues],
        "issues": [
            {"matches": [(match, {"box": "holds"}) for match in matches], "why_nothing": None},
            {"matches": [], "why_nothing": "no words in common"},
        ],
        "last_word": {"reason": "the time for this turn is used up"},
        "learn": {},
        "lesson_known": {"issue": "docker-root-full"},
        "lesson_lacks": {"missing": ["title", "symptoms"]},
        "lesson_not_concerned": {"issue": "docker-root-full"},
        "lesson_signature": {"why": "it holds on no host"},
        "lesson_still_holds": {"host": "box"},
        "lesson_unproven": {},
        "limit_near": {"share": 75, "limit": "time"},
        "log": [shown, shown | {"item": item.model_copy(update={"outcome": "timed-out"})}],
        "looked": [
            {"new": lines, "gone": ["it was full"], "ids": ids},
            {"new": [], "gone": [], "ids": {}},
        ],
        "no_such": [
            {"kind": "host", "wanted": "web9", "near": ["web1"]},
            {"kind": "host", "wanted": None, "near": []},
        ],
        "nobody_there": {},
        "not_run": {"reason": "ann said no"},
        "nudge": [{"circle": c} for c in ("repeat", "ping-pong", "errors", "degenerate")],
        "page": [
            {"item": item, "total": 90, "body": shown["body"], "next_line": 61, "next_column": 1},
            {"item": item, "total": 90, "body": shown["body"], "next_line": 1, "next_column": 401},
            {"item": item, "total": 90, "body": shown["body"], "next_line": None, "next_column": 1},
        ],
        "plan_refused": {"problems": [("rm -rf /", "it would destroy the system")]},
        "problem_figure": [{"figure": "95 %", "elsewhere": e} for e in ("box/x#1", None)],
        "problem_host": {"finding": finding, "host": "web9"},
        "problem_healthy": {"findings": incident.findings[:2]},
        "problem_no_evidence": {"missing": ["box/x#9"]},
        "problem_no_next": {},
        "problem_quote": [{"quote": "95%", "elsewhere": e} for e in ("box/x#1", None)],
        "problem_signature": {"issue": "docker-root-full", "host": "box"},
        "problem_uncited": {},
        "problem_unquoted": {},
        "problem_verdict": {"verdict": "healthy"},
        "problem_victim": {"finding": finding, "origin": finding},
        "stored": {"ids": ["box/x#1"]},
        "summarise": {},
        "system": [{"fence": FENCE.rule, "may_fix": may_fix} for may_fix in (True, False)],
        "task": [{"symptom": "it is slow"}, {"symptom": None}],
        "text_tools": [
            {
                "tools": [{"name": "look", "description": "d", "parameters": "{}"}],
                "may_call": may_call, "must_call": must_call,
            }
            for may_call, must_call in ((True, ""), (True, "look"), (False, ""))
        ],
        "trial": [{"part": p} for p in ("system", "text", "call", "tool", "word")],
        "unreadable_arguments": {"given": "{oops"},
        "use_conclude": {},
    }  # fmt: skip


def _errors():
    try:
        ARGUMENTS["conclude"].model_validate({"causes": [{"host": 1}], "surprise": 1})
    except ValidationError as error:
        return error.errors()
    raise AssertionError("these arguments are wrong")


def _turns():
    call = {"name": "run", "about": "box, df -h", "evidence": ["box/command.1#2"], "failed": True}
    return [
        {"who": "person", "text": "why is it slow?", "calls": []},
        {
            "who": "model",
            "text": "I look.",
            "calls": [call, call | {"evidence": (), "failed": False}],
        },
        {"who": "program", "text": "go on", "calls": []},
    ]


def test_each_prompt_renders_with_realistic_data_in_all_its_faces(values):
    prompts = Prompts()
    assert values.keys() == {name for name in shipped() if not name.startswith("_")}
    for name, given in values.items():
        faces = given if isinstance(given, list) else [given]
        texts = [prompts.render(name, **face) for face in faces]
        assert all(texts), name
        assert len(set(texts)) == len(texts), f"two faces of {name} are the same"
        for text in texts:
            left_over = re.search(
                r"\bNone\b(?!:| of )|Undefined|\{\{|\{%|<sme_|object at 0x|\n{3}", text
            )
            assert left_over is None or name in ("case", "issue", "text_tools"), (name, text)


def test_each_prompt_insists_on_its_values(values):
    """A word that nobody gives is an error, and no word is given for nothing."""
    prompts = Prompts()
    for name, given in values.items():
        faces = given if isinstance(given, list) else [given]
        for word in faces[0]:
            assert any(_fails_without(word, name, face, prompts) for face in faces), (name, word)


def _fails_without(word, name, face, prompts):
    try:
        prompts.render(name, **{key: value for key, value in face.items() if key != word})
    except PromptInvalid:
        return True
    return False


def test_the_texts_of_tools_and_their_arguments_agree():
    texts = Prompts().tools
    assert texts.keys() == ARGUMENTS.keys()
    for name, told in texts.items():
        schema = ARGUMENTS[name].model_json_schema()
        assert _differences(told.json_schema(), schema, schema.get("$defs", {}), name) == []


def _differences(told, meant, known, at):
    """Where what a model is told of arguments differs from how they are checked."""
    meant = _resolved(meant, known)
    if told.get("type") != meant.get("type"):
        return [f"{at}: {told.get('type')} is {meant.get('type')}"]
    found = []
    if set(told.get("enum", ())) != set(meant.get("enum", ())):
        found.append(f"{at}: {told.get('enum')} is {meant.get('enum')}")
    if told["type"] == "array":
        return found + _differences(told["items"], meant["items"], known, f"{at}[]")
    if told["type"] != "object" or "properties" not in meant:
        return found
    theirs, ours = told.get("properties", {}), meant["properties"]
    if theirs.keys() != ours.keys():
        found.append(f"{at}: {sorted(theirs.keys() ^ ours.keys())}")
    # A model may be asked for more than is insisted on.
    if not set(meant.get("required", ())) <= set(told.get("required", ())):
        found.append(f"{at}: requires {meant.get('required')}, not {told.get('required')}")
    for name in theirs.keys() & ours.keys():
        found += _differences(theirs[name], ours[name], known, f"{at}.{name}")
    return found


def _resolved(schema, known):
    if "$ref" in schema:
        return known[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        (one,) = [part for part in schema["anyOf"] if part.get("type") != "null"]
        return _resolved(one, known)
    return schema


def model(mode, *, strict=False):
    options = ModelOptions(api_base="http://127.0.0.1:9/v1", strict_tools=strict)
    traits = Traits("openai", 8192, 1024, mode, False, False, None, None, "test")
    return Model("openai/any", options, traits)


@pytest.mark.parametrize("may_fix", [True, False])
@pytest.mark.parametrize(("mode", "strict"), [("native", False), ("native", True), ("text", False)])
def test_system_prompt_and_tools_leave_room_in_a_small_window(may_fix, mode, strict, monkeypatch):
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    count = exact_tokens()
    prompts = Prompts()
    system = prompts.render("system", fence=FENCE.rule, may_fix=may_fix)
    tools = toolbox.tools(prompts, may_fix=may_fix)
    asked = request_for(model(mode, strict=strict), Prompt(system, [], tools), prompts).parameters
    (told,) = asked["messages"]
    size = count(told["content"])
    if mode == "native":
        size += count(json.dumps(asked["tools"]))
        assert len(asked["tools"]) == len(tools)
    else:
        assert all(f"- {tool.name}: " in told["content"] for tool in tools)
    assert size <= MOST_TOKENS


def test_what_is_offered_depends_on_whether_a_person_is_there():
    prompts = Prompts()
    alone = {tool.name for tool in toolbox.tools(prompts, may_fix=False)}
    together = {tool.name for tool in toolbox.tools(prompts, may_fix=True)}
    assert together - alone == {*toolbox.FIX_TOOLS}
    assert together == Prompts().tools.keys() - {toolbox.LESSON}
    assert isinstance(toolbox.lesson_tool(prompts), Tool)

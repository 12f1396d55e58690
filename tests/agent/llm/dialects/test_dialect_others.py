"""DeepSeek's older tokens, the dialects of local models, our own text mode, and reasoning."""

import pytest

from sme_agent.llm.dialects import Call, DialectReader, Fault, Recast, Said, Thought, read_all

TOOLS = {
    "df": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "depth": {"type": "integer"}},
    },
    "who": {"type": "object", "properties": {}},
}
BEGIN, END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, SEP, DONE = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
DF = ("df", {"path": "/var"})
WHO = ("who", {})

FORMS = {
    "v3": f'{BEGIN}{CALL}function{SEP}df\n```json\n{{"path": "/var"}}\n```{DONE}'
    f"{CALL}function{SEP}who\n```json\n{{}}\n```{DONE}{END}<｜end▁of▁sentence｜>",
    "v3.1": f'{BEGIN}{CALL}df{SEP}{{"path": "/var"}}{DONE}{CALL}who{SEP}{{}}{DONE}{END}',
    "v3 without the calls' own tokens":
        f'{BEGIN}function{SEP}df\n```json\n{{"path": "/var"}}\n```{END}'
    f"{BEGIN}function{SEP}who\n```json\n{{}}\n```{END}",
    "v3.1 without its ends": f'{BEGIN}{CALL}df{SEP}{{"path": "/var"}}{CALL}who{SEP}{{}}',
    "v3.1 without a block": f'{CALL}df{SEP}{{"path": "/var"}}{DONE}{CALL}who{SEP}{{}}{DONE}{END}',
    "v3.1 with ascii": f'{BEGIN}{CALL}df{SEP}{{"path": "/var"}}{DONE}{CALL}who{SEP}{{}}{DONE}{END}'
    .replace("｜", "|").replace("▁", "_"),
    "hermes": '<tool_call>\n{"name": "df", "arguments": {"path": "/var"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "who", "arguments": {}}\n</tool_call><|im_end|>',
    "hermes with parameters":
        '<tool_call>{"name": "df", "parameters": {"path": "/var"}}</tool_call>'
    '<tool_call>{"name": "who"}</tool_call>',
    "hermes with arguments as text":
        '<tool_call>{"name": "df", "arguments": "{\\"path\\": \\"/var\\"}"}'
    '</tool_call><tool_call>{"name": "who", "arguments": null}</tool_call>',
    "hermes without its ends": '<tool_call>\n{"name": "df", "arguments": {"path": "/var"}}\n'
    '<tool_call>\n{"name": "who", "arguments": {}}\n',
    "qwen3-coder": "<tool_call>\n<function=df>\n<parameter=path>\n/var\n</parameter>\n</function>\n"
    "</tool_call>\n<tool_call>\n<function=who>\n</function>\n</tool_call>",
    "qwen3-coder without blocks":
        "<function=df>\n<parameter=path>\n/var\n</parameter>\n</function>\n"
    "<function=who>\n</function>\n</tool_call>",
    "mistral": '[TOOL_CALLS] [{"name": "df", "arguments": {"path": "/var"}}, '
    '{"name": "who", "arguments": {}}]',
    "mistral with names": '[TOOL_CALLS]df{"path": "/var"}[TOOL_CALLS]who{}',
    "mistral with args": '[TOOL_CALLS]df[ARGS]{"path": "/var"}[TOOL_CALLS]who[ARGS]{}',
    "llama": '<|python_tag|>{"name": "df", "parameters": {"path": "/var"}}; '
    '{"name": "who", "parameters": {}}<|eom_id|>',
    "nothing but json": '[{"name": "df", "parameters": {"path": "/var"}}, '
    '{"type": "function", "function": {"name": "who", "arguments": "{}"}}]',
}  # fmt: skip


def calls(text, tools=TOOLS, **options):
    return [(p.name, p.arguments) for p in read_all(text, tools, **options) if isinstance(p, Call)]


def said(text, tools=TOOLS, **options):
    return "".join(p.text for p in read_all(text, tools, **options) if isinstance(p, Said))


@pytest.mark.parametrize("form", FORMS)
def test_calls_are_understood(form):
    text = FORMS[form]
    assert calls(text) == [DF, WHO]
    assert said(text) == ""
    reader = DialectReader(TOOLS)
    streamed = [piece for char in text for piece in reader.feed(char)] + reader.end()
    assert streamed == read_all(text, TOOLS)


@pytest.mark.parametrize("form", FORMS)
def test_in_a_code_block_they_stay_text(form):
    text = "Such as:\n\n````\n" + FORMS[form] + "\n````\n"
    assert said(text) == text
    assert not calls(text)


@pytest.mark.parametrize("form", [form for form in FORMS if "nothing but" not in form])
def test_after_text_they_are_still_calls(form):
    assert calls("I look at it.\n" + FORMS[form]) == [DF, WHO]
    assert said("I look at it.\n" + FORMS[form]) == "I look at it.\n"


def test_text_after_json_makes_it_no_call():
    text = FORMS["nothing but json"] + "\nis what I would send."
    assert said(text) == text


def test_a_closing_tag_within_a_string_closes_nothing():
    text = '<tool_call>{"name": "df", "arguments": {"path": "</tool_call>"}}</tool_call>'
    assert calls(text) == [("df", {"path": "</tool_call>"})]


def test_values_of_qwen_are_typed_by_the_schema():
    text = (
        "<function=df>\n<parameter=path>\n007\n</parameter>\n<parameter=depth>\n3\n</parameter>\n"
    )
    assert calls(text + "</function>") == [("df", {"path": "007", "depth": 3})]


def test_json_values_are_typed_by_the_schema():
    text = '<tool_call>{"name": "df", "arguments": {"path": 7, "depth": "3"}}</tool_call>'
    assert calls(text) == [("df", {"path": "7", "depth": 3})]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
        '{"name": "rm", "arguments": {}}',
        '{"name": "df"}',
        '{"name": "web1", "disk": "full"}',
        '{"status": "ok", "name": "df"}',
        "[TOOL_CALLS]rm{}",
        "<function=rm>\n</function>",
        '<|python_tag|>print("df")',
        "Set it in <tool_call> tags, or in [TOOL_CALLS].",
        "[1] and [TODO] and {df}",
    ],
)
def test_what_names_no_declared_tool_stays_text(text):
    assert said(text) == text
    assert not calls(text)


@pytest.mark.parametrize(
    "text",
    [
        f'{BEGIN}{CALL}df}}{{path": "/var"}}{DONE}{END}',
        f'{CALL}df宽带}}{{path": "/var"}}{DONE}{END}',
        f'Well.{BEGIN}{CALL}function{SEP}df\n```json\n{{"path": "/va',
        f'{BEGIN}{CALL}df{SEP}{{"path": /var}}{DONE}{END}',
        '<tool_call>\n{"name": "df", "arguments": {"path": "/va',
        '<tool_call>\n{"name": "df", "arguments": {"path": /var}}\n</tool_call>',
        '[TOOL_CALLS][{"name": "df", "arguments": {"path": "/va',
    ],
)
def test_a_broken_call_stays_text_and_makes_the_attempt_void(text):
    *rest, fault = read_all(text, TOOLS)
    assert [piece for piece in rest if isinstance(piece, Said)] == [Said(text)]
    assert not calls(text)
    assert isinstance(fault, Fault)
    assert fault.kind == "malformed"


def test_line_breaks_within_strings_are_mended():
    text = f'{BEGIN}{CALL}df{SEP}{{"path": "/var\n/log"}}{DONE}{END}'
    assert calls(text) == [("df", {"path": "/var\n/log"})]
    wrapped = f'{BEGIN}{CALL}df{SEP}{{"path":\n  "all of the\n  paths"}}{DONE}{END}'
    assert calls(wrapped) == [("df", {"path": "all of the paths"})]


BLOCK = 'First.\n```tool_call\n{"name": "df", "arguments": {"path": "/var"}}\n```\nThen more.'


def test_text_mode_takes_a_block_of_json():
    assert calls(BLOCK, json_calls=True) == [DF]
    assert said(BLOCK, json_calls=True) == "First.\n\nThen more."
    assert calls(BLOCK) == []
    assert said(BLOCK) == BLOCK


def test_text_mode_takes_json_with_backticks_in_it_and_repairs_it():
    text = '```json\n{\'name\': \'df\', "arguments": {"path": "a ``` b",}}\n```'
    assert calls(text, json_calls=True) == [("df", {"path": "a ``` b"})]


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"path": "/var"}\n```\nis the answer',
        '```tool_call\n{"name": "rm", "arguments": {}}\n```',
        "```bash\ndf -h\n```\n<tool_calling",
        "```\n{}\n```",
        'In a line: ```tool_call {"name": "df"}```',
    ],
)
def test_text_mode_leaves_other_blocks_alone(text):
    assert said(text, json_calls=True) == text


def test_reasoning_is_told_from_the_answer():
    assert read_all("<think>\nHm, `x`.\n\n</think>\n\nIt is full.") == [
        Thought("Hm, `x`."),
        Said("It is full."),
    ]
    assert read_all("<think>never ended") == [Thought("never ended")]


def test_reasoning_whose_beginning_is_missing_is_recast():
    reader = DialectReader(TOOLS)
    assert reader.feed("Hm.\n</think>\n\nIt is full.") == [
        Said("Hm."),
        Recast(),
        Said("It is full."),
    ]
    assert read_all("Hm.\n</think>\n\nIt is full.") == [Thought("Hm."), Said("It is full.")]


def test_an_end_of_reasoning_alone_is_dropped():
    assert read_all("</think>It is full.") == [Said("It is full.")]
    assert read_all("<think></think>\n\n") == []


def test_after_reasoning_an_answer_may_be_nothing_but_json():
    text = '<think>Look.</think>\n{"name": "who", "arguments": {}}'
    assert calls(text) == [WHO]


def test_a_token_that_ends_the_text_is_dropped_and_one_that_is_quoted_is_not():
    assert read_all("It is full.<|im_end|>\n<|endoftext|>") == [Said("It is full.\n")]
    quoted = "The log says '<|im_end|>' and <｜end▁of▁sentence｜> for it."
    assert read_all(quoted) == [Said(quoted)]


def test_think_tags_in_a_sentence_or_in_code_are_text():
    text = "The tags are `<think>` and `</think>`; a <think> in a sentence is one too."
    assert read_all(text) == [Said(text)]
    assert read_all("<think>x</think>", think_tags=False) == [Said("<think>x</think>")]


LOOPS = {
    "sentence": "I will look at the disk now. ",
    "word": "the ",
    "line": "Error: cannot open the device, trying again\n",
    "bang": "!",
    "signs of Chinese": "检查磁盘",
    "paragraph": "First I check the disk of the host, then the memory, then the load of it, and "
    "then I check whether the service is running at all; if it is not, I start it.\n\n",
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("before", ["", "Well. ", "<think>Hm. "])
def test_text_that_repeats_itself_for_ever_is_a_fault(name, before):
    reader = DialectReader(TOOLS)
    text = before + LOOPS[name] * (12_000 // len(LOOPS[name]))
    pieces = reader.feed(text)
    assert pieces[-1] == Fault("loop", "the text repeats itself")
    assert len(pieces[0].text) < 9_000


def test_an_argument_may_repeat_itself():
    value = "the same line\n" * 4_000 + "end"
    text = f"<function=df>\n<parameter=path>\n{value}\n</parameter>\n</function>"
    assert calls(text) == [("df", {"path": value})]


HONEST = {
    "rule": "-" * 200 + "\n" + "=" * 500 + "\n",
    "table": "| host | disk |\n|------|------|\n" + "| web1 |  98% |\n" * 30,
    "empty table": "|      |      |      |\n" * 60,
    "hex dump": "".join(f"{n * 16:08x}  00 00 00 00 00 00 00 00  |........|\n" for n in range(900)),
    "zeros": "0" * 3_000,
    "base64 of zeros": "A" * 2_000,
    "log": "".join(f"12:00:{n:02} web1 kernel: link is down\n" for n in range(60)) * 5,
    "log in a block": "```\n" + "nginx: worker process exited\n" * 100 + "```\n",
    "list of numbers": "0.0, " * 500,
    "dots": "." * 3_000,
}


@pytest.mark.parametrize("name", HONEST)
def test_what_honestly_repeats_itself_is_no_fault(name):
    assert said(HONEST[name]) == HONEST[name]

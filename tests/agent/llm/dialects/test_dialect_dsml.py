"""DSML as DeepSeek V3.2 and V4 write it, and as it comes when they, or what serves them, slip."""

import pytest

from sme_agent.llm.dialects import Begun, Call, DialectReader, Fault, Said, Thought, read_all

TOOLS = {
    "journal": {
        "type": "object",
        "properties": {
            "unit": {"type": "string"},
            "lines": {"type": "integer"},
            "follow": {"type": "boolean"},
            "since": {"type": ["string", "null"]},
            "match": {"anyOf": [{"type": "object"}, {"type": "null"}]},
            "ratio": {"type": "number"},
        },
    },
    "uptime": {"type": "object", "properties": {}},
}


def calls(text, tools=TOOLS, **options):
    return [
        (piece.name, piece.arguments)
        for piece in read_all(text, tools, **options)
        if isinstance(piece, Call)
    ]


def said(text, tools=TOOLS, **options):
    return "".join(p.text for p in read_all(text, tools, **options) if isinstance(p, Said))


def tag(text: str, bar: str = "｜") -> str:
    """`{x}` is an opening tag with the mark, `{/x}` its end."""
    text = text.replace("{/", f"</{bar}DSML{bar}")
    return text.replace("{", f"<{bar}DSML{bar}").replace("}", ">")


UNIT = '{parameter name="unit" string="true"}nginx{/parameter}'
CALL = f'{{invoke name="journal"}}\n{UNIT}\n{{/invoke}}'
NGINX = ("journal", {"unit": "nginx"})

FORMS = {
    "v4": tag(f"{{tool_calls}}\n{CALL}\n{{/tool_calls}}"),
    "v3.2": tag(f"{{function_calls}}\n{CALL}\n{{/function_calls}}"),
    "v4.1": tag(f"{{calls}}\n{CALL}\n{{/calls}}").replace("DSML｜", "DSML｜ "),
    "ascii bars": tag(f"{{tool_calls}}\n{CALL}\n{{/tool_calls}}", "|"),
    "double bars": tag(f"{{tool_calls}}\n{CALL}\n{{/tool_calls}}", "｜｜"),
    "another bar": tag(f"{{tool_calls}}\n{CALL}\n{{/tool_calls}}", "‖"),
    "slash behind the bar": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace("</｜", "<｜/"),
    "slash behind the word": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace(
        "</｜DSML｜", "<｜DSML｜/"
    ),
    "spaces in tags": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace("｜", " ｜ "),
    "tag over two lines": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace(
        "invoke name", "invoke\n  name"
    ),
    "param": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace("parameter", "param"),
    "invoke_arg": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace("parameter", "invoke_arg"),
    "attributes swapped": tag(
        '{tool_calls}{invoke name="journal"}{parameter string="true" name="unit"}nginx{/parameter}'
        "{/invoke}{/tool_calls}"
    ),
    "single quotes": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace('"', "'"),
    "no quotes": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace('"', ""),
    "typographic quotes": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace('"', "”"),
    "value in the tag": tag(
        '{tool_calls}{invoke name="journal"}{parameter name="unit" value="nginx"/}{/invoke}'
        "{/tool_calls}"
    ),
    "arguments in the tag": tag('{invoke name="journal" args=\'{"unit": "nginx"}\'}', "｜").replace(
        '<｜DSML｜"unit": "nginx">', '{"unit": "nginx"}'
    ),
    "misspelt block": tag(f"{{toolcalls}}\n{CALL}\n{{/tool_calls}}"),
    "no block": tag(f"{CALL}{{/tool_calls}}"),
    "no end of the block": tag(f"{{tool_calls}}\n{CALL}"),
    "no end of the call": tag(f'{{tool_calls}}{{invoke name="journal"}}{UNIT}\n{{/tool_calls}}'),
    "no end of the parameter": tag(
        '{tool_calls}{invoke name="journal"}\n{parameter name="unit" string="true"}nginx\n'
        "{/invoke}{/tool_calls}"
    ),
    "parameter without the mark": tag(
        '{tool_calls}{invoke name="journal"}<parameter name="unit"}nginx{/parameter}'
        "{/invoke}{/tool_calls}"
    ),
    "end of the parameter without the mark": tag(
        '{tool_calls}{invoke name="journal"}{parameter name="unit"}nginx</parameter}'
        "{/invoke}{/tool_calls}"
    ),
    "only the block has the mark": tag(
        '{tool_calls}\n<invoke name="journal"}\n<parameter name="unit"}nginx</parameter}\n'
        "</invoke}\n<｜/DSML｜}"
    ),
    "no mark at all": '<function_calls>\n<invoke name="journal">\n<parameter name="unit">nginx'
    "</parameter>\n</invoke>\n</function_calls>",
    "opened twice": tag(
        f'{{tool_calls}}{{invoke name="journal"}}{{invoke name="journal"}}{UNIT}'
        "{/invoke}{/invoke}{/tool_calls}"
    ),
    "json in the call": tag("{tool_calls}{invoke name=journal}") + '\n {"unit": "nginx"}\n'
    + tag("{/invoke}{/tool_calls}"),
    "fenced json in the call": tag("{tool_calls}{invoke name=journal}")
    + '```json\n{"unit": "nginx",}\n```' + tag("{/invoke}{/tool_calls}"),
    "json in the block":
        tag("{tool_calls}") + '[{"name": "journal", "arguments": {"unit": "nginx"}}]'
    + tag("{/tool_calls}"),
    "enveloped":
        tag('{tool_calls}{invoke name="journal"}{parameter name="arguments" string="false"}')
    + '{"unit": "nginx"}' + tag("{/parameter}{/invoke}{/tool_calls}"),
    "enveloped as text":
        tag('{tool_calls}{invoke name="journal"}{parameter name="input" string="true"}')
    + '{"unit": "nginx"}' + tag("{/parameter}{/invoke}{/tool_calls}"),
    "cdata": tag('{tool_calls}{invoke name="journal"}{parameter name="unit"}<![CDATA[nginx]]>')
    .replace("]]>", "]]>") + tag("{/parameter}{/invoke}{/tool_calls}"),
    "prefixed name": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}").replace(
        '"journal"', '"functions.journal"'
    ),
    "end of sentence": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}") + "<｜end▁of▁sentence｜>",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_understood(form):
    text = FORMS[form]
    assert calls(text) == [NGINX]
    assert said("Let me look.\n\n" + text) == "Let me look."
    reader = DialectReader(TOOLS)
    streamed = [piece for char in text for piece in reader.feed(char)] + reader.end()
    assert streamed == read_all(text, TOOLS)


def typed(value: str, string: str, name: str):
    text = tag(f'{{tool_calls}}{{invoke name="journal"}}{{parameter name="{name}"{string}}}')
    return calls(text + value + tag("{/parameter}{/invoke}{/tool_calls}"))[0][1][name]


@pytest.mark.parametrize(
    ("value", "string", "name", "expected"),
    [
        ("42", ' string="true"', "unit", "42"),
        ("42", ' string="false"', "unit", "42"),
        ("42", ' string="false"', "lines", 42),
        ("42", ' string="true"', "lines", 42),
        ("42.0", ' string="false"', "lines", 42),
        ("many", ' string="false"', "lines", "many"),
        ("true", "", "follow", True),
        ("False", ' string="false"', "follow", False),
        ("null", ' string="false"', "unit", "null"),
        ("null", ' string="false"', "since", None),
        ("today", ' string="false"', "since", "today"),
        ('{"a": 1}', ' string="false"', "match", {"a": 1}),
        ('{"a": 1}', ' string="true"', "match", {"a": 1}),
        ("{'a': True,}", ' string="false"', "match", {"a": True}),
        ("0.5", ' string="odd"', "ratio", 0.5),
        (" a ", ' string="true"', "unit", " a "),
        ("\n/etc/hosts\n", "", "unit", "/etc/hosts"),
        ("&lt; stays &amp;", ' string="true"', "unit", "&lt; stays &amp;"),
        ("x", ' string="True"', "unit", "x"),
        ("", ' string="true"', "unit", ""),
        ("7", "", "unheard", 7),
        ("[a", ' string="false"', "unheard", "[a"),
        ("NaN", ' string="false"', "unheard", "NaN"),
    ],
)
def test_values_are_typed_by_the_tag_and_the_schema(value, string, name, expected):
    got = typed(value, string, name)
    assert got == expected
    assert type(got) is type(expected)


def test_a_value_may_hold_tags_backticks_and_markers_of_other_dialects():
    value = (
        "<b>`x`</b> <think> <tool_call>{}</tool_call> </parameter> ``` [TOOL_CALLS] <｜tool▁sep｜>"
    )
    assert typed(value, ' string="true"', "unit") == value


def test_several_calls_keep_their_order_and_each_is_announced():
    text = tag(f'{{tool_calls}}\n{CALL}\n{{invoke name="uptime"/}}\n{{/tool_calls}}\nDone.')
    pieces = read_all(text, TOOLS)
    assert [type(piece) for piece in pieces] == [Begun, Call, Begun, Call, Said]
    assert [piece.name for piece in pieces[:4]] == ["journal", "journal", "uptime", "uptime"]
    assert pieces[4] == Said("\nDone.")


def test_the_next_call_ends_one_whose_end_is_missing():
    text = tag(
        f'{{tool_calls}}{{invoke name="journal"}}{UNIT}\n{{invoke name="uptime"}}{{/invoke}}'
    )
    assert calls(text) == [NGINX, ("uptime", {})]


def test_the_next_parameter_ends_one_whose_end_is_missing():
    text = tag(
        '{tool_calls}{invoke name="journal"}{parameter name="unit" string="true"}a<b>'
        '{parameter name="lines" string="false"}3{/parameter}{/invoke}{/tool_calls}'
    )
    assert calls(text) == [("journal", {"unit": "a<b>", "lines": 3})]


def test_a_call_in_a_block_may_name_a_tool_that_is_not_declared():
    text = tag('{tool_calls}{invoke name="reboot"}{/invoke}{/tool_calls}')
    assert calls(text) == [("reboot", {})]


@pytest.mark.parametrize("tools", [TOOLS, {}])
def test_a_call_without_a_block_has_to_name_a_declared_tool(tools):
    text = tag('{invoke name="reboot"}{/invoke}{/tool_calls}')
    assert read_all(text, tools) == [Said(text)]


def test_json_that_cannot_be_read_is_given_back_as_it_came():
    text = (
        tag("{tool_calls}{invoke name=journal}") + '{"unit": nginx}' + tag("{/invoke}{/tool_calls}")
    )
    (call,) = [piece for piece in read_all(text, TOOLS) if isinstance(piece, Call)]
    assert call.unreadable == '{"unit": nginx}'
    assert call.arguments == {}


def test_a_single_line_break_before_a_call_belongs_to_the_text():
    assert said("Checking.\n" + FORMS["v4"]) == "Checking.\n"
    assert said("Checking.\n\n\n   " + FORMS["v4"] + "\n \n") == "Checking."
    assert said("\n" + FORMS["v4"]) == ""


def test_a_call_within_reasoning_is_found():
    pieces = read_all("<think>\nI look.\n\n" + FORMS["v4"] + "</think>Ok", TOOLS)
    assert pieces[0] == Thought("I look.")
    assert isinstance(pieces[2], Call)
    assert pieces[3:] == [Said("Ok")]


TRUNCATED = {
    "in a value": tag(
        '{tool_calls}\n{invoke name="journal"}\n{parameter name="unit" string="true"}ng'
    ),
    "after a parameter": tag(f'{{invoke name="journal"}}\n{UNIT}'),
    "in a tag": tag('{tool_calls}{invoke name="journal"}') + "<｜DSML｜para",
    "in json": tag('{tool_calls}{invoke name="journal"}') + '{"unit": "nginx"}',
    "in a closing tag": tag(f'{{tool_calls}}{{invoke name="journal"}}{UNIT}') + "</｜DSML｜inv",
    "an empty block": tag("{tool_calls}\n{/tool_calls}"),
}


@pytest.mark.parametrize("where", TRUNCATED)
def test_a_call_that_breaks_off_is_none_and_the_attempt_is_void(where):
    text = TRUNCATED[where]
    pieces = read_all("Well.\n\n" + text, TOOLS)
    assert not [piece for piece in pieces if isinstance(piece, Call)]
    assert said("Well.\n\n" + text) == "Well.\n\n" + text
    assert isinstance(pieces[-1], Fault)
    assert pieces[-1].kind == "malformed"


def test_a_call_that_breaks_off_beside_a_good_one_is_left_out():
    text = tag(f'{{tool_calls}}{CALL}{{invoke name="journal"}}{{parameter name="unit"}}ngi')
    pieces = read_all(text, TOOLS)
    assert calls(text) == [NGINX]
    assert not [piece for piece in pieces if isinstance(piece, Said | Fault)]


QUOTED = {
    "code block": "It is:\n```xml\n" + FORMS["v4"] + "\n```\nthat.",
    "code block that is not closed": "It is:\n~~~\n" + FORMS["v4"],
    "code span": "Use `" + tag(CALL) + "` for it.",
    "code span over lines": "Use `" + FORMS["v4"] + "` for it.",
    "sentence": tag('It writes {tool_calls} and then {invoke name="journal"} with the unit in it.'),
    "sentence about one tag": tag("It ends with {/invoke} and {/tool_calls}."),
    "placeholder": tag('{tool_calls}\n{invoke name="$TOOL"}\n{/invoke}\n{/tool_calls}'),
    "parameter alone": tag(f"A value is {UNIT}, as text."),
    "other markup": '<div class="x"><param name="a"><function> a<b && c>d <DSML-file> <|x|> < | y',
}


@pytest.mark.parametrize("how", QUOTED)
def test_what_is_quoted_stays_text(how):
    text = QUOTED[how]
    assert "".join(p.text for p in read_all(text, TOOLS) if isinstance(p, Said)) == text
    assert not [p for p in read_all(text, TOOLS) if isinstance(p, Call | Fault)]


def test_after_a_quotation_a_call_is_a_call():
    text = QUOTED["code block"] + "\n\n" + QUOTED["code span"] + "\n\n" + FORMS["v4"]
    assert calls(text) == [NGINX]


LOOPS = {
    "opened calls": (
        tag('{tool_calls}\n{invoke name="journal"}\n' * 1 + '{invoke name="journal"}\n' * 3)
    ),
    "opened calls with values": tag(
        f'{{invoke name="journal"}}{UNIT}' * 3 + '{invoke name="journal"}'
    ),
    "opened calls without a block": tag('{invoke name="uptime"}' * 4),
    "nested blocks": tag("{tool_calls}\n" * 3),
    "blocks": tag(f"{{tool_calls}}{CALL}{{/tool_calls}}\n" * 2 + "{tool_calls}"),
}


@pytest.mark.parametrize("how", LOOPS)
def test_a_loop_is_a_fault_as_soon_as_it_is_certain(how):
    reader = DialectReader(TOOLS)
    pieces = reader.feed(LOOPS[how])
    assert isinstance(pieces[-1], Fault)
    assert pieces[-1].kind == "loop"
    assert not any(isinstance(p, Fault) for p in DialectReader(TOOLS).feed(LOOPS[how][:-12]))


def test_many_closed_calls_and_many_mentions_are_no_loop():
    text = tag("{tool_calls}" + CALL * 6 + "{/tool_calls}")
    assert calls(text) == [NGINX] * 6
    mentions = tag('A call of {tool_calls} and {invoke name="journal"} is not one. ' * 5)
    assert said(mentions) == mentions

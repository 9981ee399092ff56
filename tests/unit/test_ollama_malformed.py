"""Every malformed reply ends as the table in docs/ollama.md says."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from doc_pages import ALL, table
from ollama_calls import GO, local
from wire_samples import BASH, Canned, chat, http

from runner.agent.loop import MALFORMED_REPLIES, ended
from runner.errors import ModelFailure

LS = '{"name": "bash", "arguments": {"command": "ls"}}'
XML = "<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>"
TOOL = f"<tool_call>\n{XML}\n</tool_call>"


def says(content: object = "", **fields: object) -> bytes:
    return http(chat(message={"role": "assistant", "content": content, **fields}))


def calls(*calls: object) -> bytes:
    return says(tool_calls=list(calls))


def more(name: str, value: str) -> str:
    return TOOL.replace("</function>", f"<parameter={name}>{value}</parameter></function>")


def refused(said: str) -> bytes:
    return http({"error": said}, "500 Internal Server Error")


CASES: Mapping[str, bytes] = {
    "xml-whole": says(TOOL),
    "xml-after-words": says(f"I look.\n{TOOL}"),
    "xml-without-wrapper": says(XML),
    "xml-wrapper-not-ended": says(f"<tool_call>\n{XML}"),
    "xml-in-thinking": says(thinking=f"I will look.\n{TOOL}"),
    "xml-number": says(more("timeout_s", "5")),
    "json-whole": says(f"<tool_call>\n{LS}\n</tool_call>"),
    "json-wrapper-not-ended": says(f"<tool_call>{LS}"),
    "json-two": says(f"<tool_call>{LS}</tool_call>\n<tool_call>{LS}</tool_call>"),
    "json-bare": says(LS),
    "json-list": says(f"[{LS}]"),
    "json-fenced": says(f"```json\n{LS}\n```"),
    "json-parameters": says(LS.replace("arguments", "parameters")),
    "json-as-function": says(f'{{"type": "function", "function": {LS}}}'),
    "json-in-thinking": says(thinking=f"<tool_call>{LS}</tool_call>"),
    "native-arguments-as-json-text": calls(
        {"function": {"name": "bash", "arguments": '{"command": "ls"}'}}
    ),
    "xml-parameter-not-ended": says(TOOL.replace("</parameter>", "")),
    "xml-function-not-ended": says(TOOL.replace("</function>", "")),
    "xml-function-not-begun": says(TOOL.replace("<function=bash>", "")),
    "xml-end-only": says("</tool_call>"),
    "xml-begin-only": says("<tool_call>"),
    "xml-parameter-twice": says(more("command", "x")),
    "xml-words-between": says(TOOL.replace("<parameter", "so: <parameter")),
    "xml-attribute": says('<function name="bash"><parameter=command>ls</parameter></function>'),
    "json-cut": says("<tool_call>" + LS[:-2]),
    "json-single-quotes": says(f"<tool_call>{LS}</tool_call>".replace('"', "'")),
    "json-no-name": says('<tool_call>{"arguments": {}}</tool_call>'),
    "json-arguments-a-list": says('<tool_call>{"name": "bash", "arguments": [1]}</tool_call>'),
    "json-nan": says('<tool_call>{"name": "bash", "arguments": {"command": NaN}}</tool_call>'),
    "native-arguments-text": calls({"function": {"name": "bash", "arguments": "ls"}}),
    "native-arguments-missing": calls({"function": {"name": "bash"}}),
    "native-no-name": calls({"function": {"arguments": {}}}),
    "native-no-function": calls("bash"),
    "json-of-no-tool": says('{"name": "typer", "arguments": {"version": 1}}'),
    "json-answer": says('{"status": "DONE"}'),
    "words-about-calls": says("DONE. I used the tool call bash twice."),
    "empty": says(),
    "thinking-only": says(thinking="I wonder."),
    "server-xml-error": refused("XML syntax error on line 3: unexpected EOF"),
    "server-parse-error": refused("error parsing tool call: raw='{'"),
    "content-a-number": says(7),
    "calls-an-object": says(tool_calls={"a": 1}),
}  # fmt: skip
ROWS = {row[0]: row[2] for row in table(ALL["docs/ollama.md"], "Malformed replies", "case")}


def how_it_ends(raw: bytes) -> str:
    with Canned(raw) as canned, local(canned.url) as model:
        try:
            reply = model.reply("", GO, (BASH,))
        except ModelFailure as failure:
            return f"fails: {failure.kind}, attempts {failure.detail['attempts']}"
    if any(call.malformed for call in reply.calls):
        assert reply.detail["malformed_calls"] == 1
        return "told"
    if reply.calls:
        assert all(call.arguments["command"] == "ls" for call in reply.calls)
        return f"runs {len(reply.calls)}, from {reply.detail.get('calls_from', 'tool_calls')}"
    return {"done": "ends: done", None: "asked again"}[ended(reply, 1)]


def test_the_table_is_of_these_cases_and_there_are_enough() -> None:
    assert list(ROWS) == list(CASES)
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_each_case_ends_as_the_table_says(case: str) -> None:
    assert how_it_ends(CASES[case]) == ROWS[case]


def test_the_bound_is_as_the_page_says() -> None:
    assert f"{MALFORMED_REPLIES} in a row" in ALL["docs/ollama.md"]


def test_words_and_thoughts_stay_and_the_call_is_echoed_in_the_servers_form() -> None:
    with Canned(CASES["xml-after-words"]) as canned, local(canned.url) as model:
        reply = model.reply("", GO, (BASH,))
    assert reply.text == "I look."
    assert reply.raw == {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"function": {"name": "bash", "arguments": {"command": "ls"}}}],
    }


def test_a_value_is_read_in_the_type_the_tool_asks_for() -> None:
    with Canned(CASES["xml-number"]) as canned, local(canned.url) as model:
        (call,) = model.reply("", GO, (BASH,)).calls
    assert call.arguments == {"command": "ls", "timeout_s": 5}


def test_without_tools_nothing_is_a_call() -> None:
    with Canned(CASES["xml-whole"]) as canned, local(canned.url) as model:
        reply = model.reply("", GO, ())
    assert (replace(reply, raw=None).text, reply.calls) == (TOOL, ())

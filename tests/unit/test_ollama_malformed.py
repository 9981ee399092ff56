"""Every malformed reply ends as the table in docs/ollama.md says."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from doc_pages import ALL, table
from malformed_ends import how_it_ends
from ollama_calls import GO, local, script
from wire_samples import BASH, Canned, chat, http

from runner.agent.loop import MALFORMED_REPLIES
from runner.scripted.malformed import REFUSED, SAID
from runner.scripted.server import ScriptedServer

CASES: Mapping[str, bytes] = {
    **{
        case: http(chat(message={"role": "assistant", **message})) for case, message in SAID.items()
    },
    **{
        case: http({"error": words}, "500 Internal Server Error") for case, words in REFUSED.items()
    },
}
ROWS = {row[0]: row[2] for row in table(ALL["docs/ollama.md"], "Malformed replies", "case")}


def test_the_table_is_of_these_cases_and_there_are_enough() -> None:
    assert set(ROWS) == set(CASES)
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_each_case_ends_as_the_table_says(case: str) -> None:
    with Canned(CASES[case]) as canned, local(canned.url) as model:
        assert how_it_ends(model) == ROWS[case]


def test_the_stand_in_says_a_case_that_it_is_asked_for(scripted: ScriptedServer) -> None:
    for fault, case in (("say:json-two", "json-two"), ("say", "empty"), ("say:empty", "empty")):
        with local(script(scripted, f"nop?fault={fault}@*")) as model:
            assert how_it_ends(model) == ROWS[case]


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
    assert (replace(reply, raw=None).text, reply.calls) == (SAID["xml-whole"]["content"], ())

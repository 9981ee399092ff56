"""What local models have been seen to answer in place of a proper tool call, and what is like it.

Each case is a message of the chat API without its role, or the words of an error of the server's.
`docs/ollama.md` says how each one ends.
"""

from collections.abc import Mapping

Said = Mapping[str, object]

_LS = '{"name": "bash", "arguments": {"command": "ls"}}'
_XML = "<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>"
_TOOL = f"<tool_call>\n{_XML}\n</tool_call>"


def _says(content: object = "", **fields: object) -> Said:
    return {"content": content, **fields}


def _calls(*calls: object) -> Said:
    return _says(tool_calls=list(calls))


def _more(name: str, value: str) -> str:
    return _TOOL.replace("</function>", f"<parameter={name}>{value}</parameter></function>")


# Not a reply but 500 with these words: the server itself cannot read what its model wrote.
REFUSED: Mapping[str, str] = {
    "server-xml-error": "XML syntax error on line 3: unexpected EOF",
    "server-parse-error": "error parsing tool call: raw='{'",
}
SAID: Mapping[str, Said] = {
    "xml-whole": _says(_TOOL),
    "xml-after-words": _says(f"I look.\n{_TOOL}"),
    "xml-without-wrapper": _says(_XML),
    "xml-wrapper-not-ended": _says(f"<tool_call>\n{_XML}"),
    "xml-in-thinking": _says(thinking=f"I will look.\n{_TOOL}"),
    "xml-number": _says(_more("timeout_s", "5")),
    "json-whole": _says(f"<tool_call>\n{_LS}\n</tool_call>"),
    "json-wrapper-not-ended": _says(f"<tool_call>{_LS}"),
    "json-two": _says(f"<tool_call>{_LS}</tool_call>\n<tool_call>{_LS}</tool_call>"),
    "json-bare": _says(_LS),
    "json-list": _says(f"[{_LS}]"),
    "json-fenced": _says(f"```json\n{_LS}\n```"),
    "json-parameters": _says(_LS.replace("arguments", "parameters")),
    "json-as-function": _says(f'{{"type": "function", "function": {_LS}}}'),
    "json-in-thinking": _says(thinking=f"<tool_call>{_LS}</tool_call>"),
    "native-arguments-as-json-text": _calls(
        {"function": {"name": "bash", "arguments": '{"command": "ls"}'}}
    ),
    "xml-parameter-not-ended": _says(_TOOL.replace("</parameter>", "")),
    "xml-function-not-ended": _says(_TOOL.replace("</function>", "")),
    "xml-function-not-begun": _says(_TOOL.replace("<function=bash>", "")),
    "xml-end-only": _says("</tool_call>"),
    "xml-begin-only": _says("<tool_call>"),
    "xml-parameter-twice": _says(_more("command", "x")),
    "xml-words-between": _says(_TOOL.replace("<parameter", "so: <parameter")),
    "xml-attribute": _says('<function name="bash"><parameter=command>ls</parameter></function>'),
    "json-cut": _says("<tool_call>" + _LS[:-2]),
    "json-single-quotes": _says(f"<tool_call>{_LS}</tool_call>".replace('"', "'")),
    "json-no-name": _says('<tool_call>{"arguments": {}}</tool_call>'),
    "json-arguments-a-list": _says('<tool_call>{"name": "bash", "arguments": [1]}</tool_call>'),
    "json-nan": _says('<tool_call>{"name": "bash", "arguments": {"command": NaN}}</tool_call>'),
    "native-arguments-text": _calls({"function": {"name": "bash", "arguments": "ls"}}),
    "native-arguments-missing": _calls({"function": {"name": "bash"}}),
    "native-no-name": _calls({"function": {"arguments": {}}}),
    "native-no-function": _calls("bash"),
    "json-of-no-tool": _says('{"name": "typer", "arguments": {"version": 1}}'),
    "json-answer": _says('{"status": "DONE"}'),
    "words-about-calls": _says("DONE. I used the tool call bash twice."),
    "empty": _says(),
    "thinking-only": _says(thinking="I wonder."),
    "content-a-number": _says(7),
    "calls-an-object": _says(tool_calls={"a": 1}),
}
EMPTY = "empty"
CASES = (*SAID, *REFUSED)

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.agent.editor import editor_tool
from runner.agent.text import TOOL_OUTPUT_CHARS
from runner.errors import ToolError
from runner.sandbox.host import HostSandbox, open_host_sandbox
from runner.types import ToolOutput


class Editor:
    """The tool over a real tool server, and the repository it works in."""

    def __init__(self, sandbox: HostSandbox, repo: Path) -> None:
        self.tool = editor_tool(sandbox)
        self.repo = repo

    def __call__(self, command: str, path: str = "a.py", **arguments: object) -> ToolOutput:
        return self.tool.run({"command": command, "path": path, **arguments})

    def has(self, data: bytes, path: str = "a.py") -> None:
        (self.repo / path).write_bytes(data)

    @property
    def left(self) -> bytes:
        return (self.repo / "a.py").read_bytes()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    work = tmp_path_factory.mktemp("editor")
    with open_host_sandbox(work) as sandbox:
        yield Editor(sandbox, work / "repo")  # type: ignore[misc]


@pytest.fixture
def editor(served: Editor) -> Editor:
    served.has(b"one\ntwo\nthree\n")
    return served


# ---- wrong calls -------------------------------------------------------------------------

WRONG = {
    "no command": ({"path": "a.py"}, "'command' is missing"),
    "no path": ({"command": "view"}, "'path' is missing"),
    "unknown command": ({"command": "undo_edit", "path": "a.py"}, "command"),
    "unknown key": ({"command": "view", "path": "a.py", "text": "x"}, "unknown key 'text'"),
    "path is a number": ({"command": "view", "path": 3}, "path"),
    "line as text": (
        {"command": "insert", "path": "a.py", "new_str": "x", "insert_line": "1"},
        "insert_line",
    ),
    "line as yes": (
        {"command": "insert", "path": "a.py", "new_str": "x", "insert_line": True},
        "insert_line",
    ),
    "create without text": ({"command": "create", "path": "b.py"}, "create needs file_text"),
    "replace without old": ({"command": "str_replace", "path": "a.py"}, "needs old_str"),
    "replace nothing": (
        {"command": "str_replace", "path": "a.py", "old_str": "", "new_str": "x"},
        "old_str is empty",
    ),
    "insert nothing": ({"command": "insert", "path": "a.py", "insert_line": 0}, "needs new_str"),
    "insert nowhere": ({"command": "insert", "path": "a.py", "new_str": "x"}, "needs insert_line"),
    "create with a lone surrogate": (
        {"command": "create", "path": "b.py", "file_text": "\ud800"},
        "not valid Unicode",
    ),
    "missing file": ({"command": "view", "path": "no.py"}, "no.py does not exist"),
    "named like a directory": ({"command": "view", "path": "directory.py"}, "does not exist"),
    "below a file": ({"command": "view", "path": "a.py/b"}, "not a directory"),
    "outside": ({"command": "view", "path": "/etc/passwd"}, "outside the repository"),
    "the root": ({"command": "view", "path": "/"}, "outside the repository"),
    "upwards": ({"command": "view", "path": "../secret"}, "'..'"),
    "create outside": ({"command": "create", "path": "../b.py", "file_text": ""}, "'..'"),
    "NUL in the path": ({"command": "view", "path": "a\0.py"}, "NUL"),
    "surrogate in the path": ({"command": "view", "path": "a\ud800.py"}, "surrogates not allowed"),
    "create over a directory": ({"command": "create", "path": "", "file_text": ""}, "directory"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_says_why_and_changes_nothing(editor: Editor, name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ToolError, match=message):
        editor.tool.run(arguments)
    assert [each.name for each in editor.repo.iterdir()] == ["a.py"]
    assert editor.left == b"one\ntwo\nthree\n"


def test_a_link_is_followed_nowhere(editor: Editor) -> None:
    link = editor.repo / "link.py"
    link.symlink_to("/etc/passwd")
    try:
        for command, text in [("view", {}), ("create", {"file_text": "x"})]:
            with pytest.raises(ToolError, match="symbolic link"):
                editor(command, "link.py", **text)
    finally:
        link.unlink()


@pytest.mark.parametrize("command", ["view", "str_replace", "insert"])
def test_what_is_no_utf8_is_neither_shown_nor_changed(editor: Editor, command: str) -> None:
    editor.has(b"caf\xe9\n")
    with pytest.raises(ToolError, match="not UTF-8"):
        editor(command, old_str="caf", new_str="x", insert_line=0)
    assert editor.left == b"caf\xe9\n"


# ---- view --------------------------------------------------------------------------------

# Form feeds, line separators and lone carriage returns end no line, as Python and ruff count.
VIEWS = {
    b"": "(empty file)",
    b"one\ntwo\n": "     1  one\n     2  two\n",
    b"one\ntwo": "     1  one\n     2  two",
    b"\n\n": "     1  \n     2  \n",
    b"a\x0cb\x0b\x1c\xe2\x80\xa8c\n": "     1  a\x0cb\x0b\x1c\u2028c\n",
    b"a\r\nb\r\n": "     1  a\r\n     2  b\r\n",
    b"a\rb\n": "     1  a\rb\n",
}


@pytest.mark.parametrize("data", VIEWS)
def test_view_numbers_the_lines_as_tools_do(editor: Editor, data: bytes) -> None:
    editor.has(data)
    assert editor("view").text == VIEWS[data]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [([1, 1], "1"), ([2, 3], "23"), ([2, -1], "23"), ([3, 99], "3"), ([1, -1], "123")],
)
def test_a_range_is_shown(editor: Editor, asked: list[int], shown: str) -> None:
    lines = editor("view", view_range=asked).text.splitlines()
    assert "".join(line.split()[0] for line in lines) == shown


@pytest.mark.parametrize(
    "asked", [[], [1], [1, 2, 3], [0, 2], [-1, 2], [4, 5], [4, -1], [3, 2], [2, 1], [1, 0], [1, -2]]
)
def test_a_range_outside_the_file_is_refused(editor: Editor, asked: list[int]) -> None:
    with pytest.raises(ToolError, match="view_range"):
        editor("view", view_range=asked)


@pytest.mark.parametrize("asked", [[1, -1], [1, 1], [1, 50]])
def test_the_whole_of_an_empty_file_may_be_asked_for(editor: Editor, asked: list[int]) -> None:
    editor.has(b"")
    assert editor("view", view_range=asked).text == "(empty file)"


def test_a_long_file_is_cut_in_the_middle(editor: Editor) -> None:
    editor.has(b"x" * 99 + b"\n" + b"y\n" * 9000 + b"the end")
    output = editor("view")
    assert len(output.text) <= TOOL_OUTPUT_CHARS
    assert output.truncated
    assert output.text.endswith("the end")


@pytest.fixture
def folder(editor: Editor) -> Iterator[Path]:
    made = editor.repo / "folder"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("path", ["folder", "folder/", "./folder", "/work/repo/folder"])
def test_a_directory_shows_its_names(editor: Editor, folder: Path, path: str) -> None:
    (folder / "inner").mkdir()
    (folder / "b.py").touch()
    assert editor("view", path).text == "b.py\ninner/"


@pytest.mark.parametrize("path", [".", "", "./", "/work/repo", "/work/repo/"])
def test_the_repository_shows_its_names(editor: Editor, path: str) -> None:
    assert editor("view", path).text == "a.py"


@pytest.mark.usefixtures("folder")
def test_an_empty_directory_says_so(editor: Editor) -> None:
    assert editor("view", "folder").text == "(empty directory)"


# ---- create ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "x = 1", "grün 🙂\r\n\x00"])
def test_create_writes_the_text_as_it_is(editor: Editor, text: str) -> None:
    editor("create", file_text=text)
    assert editor.left == text.encode()


# ---- str_replace -------------------------------------------------------------------------

REPLACED = {
    "in the middle": (b"one\ntwo\n", "two", "zwei", b"one\nzwei\n"),
    "over lines": (b"one\ntwo\n", "e\nt", "E\nT", b"onE\nTwo\n"),
    "to nothing": (b"one\ntwo\n", "\ntwo", None, b"one\n"),
    "special signs": (b"a\\1b\n", "\\1", "\\g<0>", b"a\\g<0>b\n"),
    "carriage returns stay": (b"a\r\nb\r\n", "b", "c", b"a\r\nc\r\n"),
    "no final newline": (b"one", "one", "two", b"two"),
}


@pytest.mark.parametrize("name", REPLACED)
def test_the_one_occurrence_is_replaced(editor: Editor, name: str) -> None:
    before, old, new, after = REPLACED[name]
    editor.has(before)
    editor("str_replace", old_str=old, new_str=new)
    assert editor.left == after


@pytest.mark.parametrize(
    ("old", "times", "hint"),
    [("four", 0, "copy it exactly"), ("one ", 0, "copy it exactly"), ("e", 3, "add lines")],
)
def test_a_text_that_is_not_there_once_is_left_alone(
    editor: Editor, old: str, times: int, hint: str
) -> None:
    with pytest.raises(ToolError, match=f"occurs {times} times.*{hint}"):
        editor("str_replace", old_str=old, new_str="x")
    assert editor.left == b"one\ntwo\nthree\n"


def test_the_line_of_the_change_is_told(editor: Editor) -> None:
    assert "line 3" in editor("str_replace", old_str="three", new_str="3").text


# ---- insert ------------------------------------------------------------------------------

INSERTED = {
    "at the top": (b"one\n", 0, "new\n", b"new\none\n"),
    "at the end": (b"one\n", 1, "new\n", b"one\nnew\n"),
    "in between": (b"one\ntwo\n", 1, "a\nb\n", b"one\na\nb\ntwo\n"),
    "a newline is added": (b"one\n", 1, "new", b"one\nnew\n"),
    "after an unfinished line": (b"one", 1, "new", b"one\nnew\n"),
    "into an empty file": (b"", 0, "new", b"new\n"),
    "form feeds end no line": (b"a\x0cb\nc\n", 1, "new", b"a\x0cb\nnew\nc\n"),
}


@pytest.mark.parametrize("name", INSERTED)
def test_lines_are_inserted_after_a_line(editor: Editor, name: str) -> None:
    before, line, new, after = INSERTED[name]
    editor.has(before)
    editor("insert", insert_line=line, new_str=new)
    assert editor.left == after


@pytest.mark.parametrize("line", [-1, 4, 10**12])
def test_beyond_the_file_nothing_is_inserted(editor: Editor, line: int) -> None:
    with pytest.raises(ToolError, match="has 3 lines"):
        editor("insert", insert_line=line, new_str="x")
    assert editor.left == b"one\ntwo\nthree\n"

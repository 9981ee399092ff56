"""The built-in scripted models play every role through the real loop, tools and clients."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest

from runner.agent.bash import bash_tool
from runner.agent.delegate import delegate_tool
from runner.agent.editor import editor_tool
from runner.agent.loop import Outcome, Seated, run_agent
from runner.agent.meter import Meter
from runner.budget import Account
from runner.config.rates import load_cards
from runner.config.settings import ROOT
from runner.config.solution import Create, Edit, Solution
from runner.errors import ToolError
from runner.events import CallSettled, Event, ToolUsed
from runner.models import Connection, OpenModel, make_model
from runner.scripted.plans import instruction_for, parts, steps_of
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import ExecResult, Role, Tool

START = {f"pkg/m{n:02}.py": f"import os\nvalue = {n}\n" for n in range(23)}
SOLUTION: Solution = (
    Create("pkg/new.py", "fresh = True\n"),
    *(Edit(path, "import os\n", "") for path in START),
)
SOLVED = {
    **{path: text.removeprefix("import os\n") for path, text in START.items()},
    "pkg/new.py": "fresh = True\n",
}


class Repository:
    """Files in memory; `harness` is green when they are the solved ones."""

    def __init__(self) -> None:
        self.files = dict(START)
        self.commands: list[str] = []

    def read(self, path: str, *, cap: int = 1_048_576) -> bytes:
        if path not in self.files:
            raise ToolError(f"{path} does not exist")
        return self.files[path].encode()[:cap]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data.decode()

    def listing(self, path: str, *, cap: int = 2_000) -> tuple[str, ...]:
        return tuple(sorted(self.files))[:cap]

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 65_536,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        command = argv[-1]
        self.commands.append(command)
        code = 3
        if command.startswith("harness"):
            code = 0 if self.files == SOLVED else 1
        output = b'{"exit_code": %d}\n' % code
        return ExecResult(code, None, output, len(output), 0.01, False)


def unheard(event: object) -> None:
    """Nobody writes these conversations down."""


class Table:
    """One trial's worth of models, tools and meter around a repository."""

    def __init__(self, server: ScriptedServer, persona: str, executor: str = "ollama") -> None:
        self.repository = Repository()
        self.events: list[Event] = []
        card = load_cards(ROOT / "runner" / "rates")["list-2026-11"]
        self.meter = Meter("t", card, Account("trial", 100.0), 600.0, self.events.append)
        self._server = server
        self._persona = persona
        self._executor = executor

    def _model(self, role: Role, provider: str) -> OpenModel:
        url = endpoint(self._server, self._persona, "T", role)
        name = "claude-opus-4-7" if provider == "anthropic" else "qwen3.5:9b"
        options = {"num_ctx": 65536} if provider == "ollama" else {}
        return make_model(provider, name, 4096, options, Connection("key", url, url))

    def play(
        self, role: Role, instruction: str = "Mend it.", provider: str = "anthropic"
    ) -> Outcome:
        hands: list[Tool] = [
            bash_tool(self.repository, timeout_s=120, timeout_max_s=600),
            editor_tool(self.repository),
        ]
        with (
            closing(self._model(role, provider)) as model,
            closing(self._model("executor", self._executor)) as executor,
        ):

            def seat(conversation: int) -> Seated:
                return Seated(executor, "executor", conversation, "You do.", hands, 20, 4096)

            tools = list(hands)
            if role == "orchestrator":
                tools.append(
                    delegate_tool(seat, summary_chars=1500, meter=self.meter, scribe=unheard)
                )
            seated = Seated(model, role, 0, "You mend.", tools, 40, 4096)
            return run_agent(seated, instruction, self.meter, unheard)

    def tools_used(self, role: Role) -> list[ToolUsed]:
        return [e for e in self.events if isinstance(e, ToolUsed) and e.role == role]

    def calls(self, role: Role) -> list[CallSettled]:
        return [e for e in self.events if isinstance(e, CallSettled) and e.role == role]


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[ScriptedServer]:
    with ScriptedServer({"T": SOLUTION}) as running:
        yield running


@pytest.mark.parametrize("persona", ["oracle", "blunder"])
@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
def test_alone_they_solve(server: ScriptedServer, persona: str, provider: str) -> None:
    table = Table(server, persona)
    outcome = table.play("solo", provider=provider)
    assert (outcome.ending, outcome.text) == ("done", "DONE")
    assert table.repository.files == SOLVED
    assert table.repository.commands[-1] == "harness"


@pytest.mark.parametrize("persona", ["oracle", "blunder"])
@pytest.mark.parametrize("executor", ["anthropic", "ollama"])
def test_an_orchestrator_has_its_executor_solve(
    server: ScriptedServer, persona: str, executor: str
) -> None:
    table = Table(server, persona, executor)
    outcome = table.play("orchestrator")
    assert outcome.ending == "done"
    assert table.repository.files == SOLVED
    assert not any(e.tool == "str_replace_editor" for e in table.tools_used("orchestrator"))
    handed = [e for e in table.tools_used("orchestrator") if e.tool == "delegate_to_executor"]
    assert len([e for e in handed if not e.is_error]) == 3  # 24 steps, ten at a time
    assert all(call.usage.input_tokens > 0 for call in table.calls("executor"))


def test_several_edits_go_into_one_reply(server: ScriptedServer) -> None:
    table = Table(server, "oracle")
    table.play("solo")
    edits = [e for e in table.tools_used("solo") if e.tool == "str_replace_editor"]
    assert len(edits) == 24
    assert len({e.call_seq for e in edits}) == 5
    assert len(table.calls("solo")) == 8  # a look, five batches, a check, the last words


def test_a_long_conversation_is_read_from_the_cache(server: ScriptedServer) -> None:
    table = Table(server, "oracle?latency=0")
    long = "Mend it. " + "x" * 20_000
    table.play("solo", long)
    first, *later = table.calls("solo")
    assert first.usage.cache_write_5m_tokens > 4096
    assert all(call.usage.cache_read_tokens >= 4096 for call in later)


def test_blunder_errs_in_every_way_first(server: ScriptedServer) -> None:
    table = Table(server, "blunder")
    table.play("solo")
    wrong = [(e.tool, e.is_error, e.exit_code) for e in table.tools_used("solo")][:7]
    assert wrong == [
        ("list_files", True, None),  # no such tool
        ("bash", True, None),  # no command
        ("bash", True, None),  # arguments that are no object
        ("bash", False, 3),
        ("str_replace_editor", True, None),  # matches nothing
        ("str_replace_editor", False, None),
        ("bash", False, 1),  # and that broke the harness
    ]


def test_nop_is_done_at_once_in_every_role(server: ScriptedServer) -> None:
    for role in ("solo", "orchestrator", "executor"):
        table = Table(server, "nop")
        assert table.play(role).turns == 1
        assert table.repository.files == START


def test_a_red_harness_is_blocked_not_done(server: ScriptedServer) -> None:
    table = Table(server, "oracle")
    table.repository.files["pkg/stray.py"] = "the harness stays red\n"
    outcome = table.play("solo")
    assert outcome.ending == "blocked"
    assert "harness" in outcome.text


@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
def test_an_executor_does_its_part_and_says_so(server: ScriptedServer, provider: str) -> None:
    table = Table(server, "oracle")
    outcome = table.play("executor", instruction_for(SOLUTION, 1, 10), provider)
    assert outcome.ending == "done"
    assert outcome.text.startswith("DONE: 10 changes")
    done = {path for path, text in table.repository.files.items() if START.get(path) != text}
    assert len(done) == 10


@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
def test_an_executor_whose_edit_fails_is_blocked(server: ScriptedServer, provider: str) -> None:
    table = Table(server, "oracle")
    table.repository.files["pkg/m03.py"] = "no such import\n"
    outcome = table.play("executor", instruction_for(SOLUTION, 1, 10), provider)
    assert outcome.ending == "blocked"
    assert "pkg/m03.py" in outcome.text


def test_the_last_part_must_leave_the_harness_green(server: ScriptedServer) -> None:
    table = Table(server, "oracle")
    outcome = table.play("executor", instruction_for(SOLUTION, 21, 24))
    assert outcome.ending == "blocked"  # the first twenty were never made


def test_a_plan_is_cut_into_parts_that_cover_it() -> None:
    assert parts(SOLUTION) == [(1, 10), (11, 20), (21, 24)]
    steps = [steps_of(instruction_for(SOLUTION, *part), SOLUTION)[0] for part in parts(SOLUTION)]
    assert tuple(step for part in steps for step in part) == SOLUTION


def test_an_instruction_tells_a_reader_what_to_do() -> None:
    text = instruction_for((Edit("a.py", "\nx = 1\n", ""), Edit("b.py", "old", "new")), 1, 2)
    assert "a.py: take out the lines about `x = 1`" in text
    assert "b.py: replace `old` by `new`" in text

"""How the doctor looks things up, what it leaves alone, and what it never says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from runner.config.settings import Settings
from runner.config.tasks import Task
from runner.doctor.facts import engine_facts, key_shape, look
from runner.doctor.findings import findings
from runner.doctor.reach import Missing, OllamaFacts, Reached, ask_ollama, reach, within
from runner.errors import EnvironmentProblem
from runner.sandbox.engine import Engine, EngineInfo

KEY = "sk-ant-api03-this-must-never-be-shown"
INFO = EngineInfo("unix:///x", "29", "1.52", "1.3.3", "amd64", "6", "overlay2", "2", (), 4, 1, "/d")


@pytest.mark.parametrize(
    ("key", "official", "shape"),
    [
        (None, True, "absent"),
        ("", True, "absent"),
        (KEY, True, "plausible"),
        (KEY + "\n", True, "odd"),
        ('"' + KEY + '"', True, "odd"),
        ("sk-ant-", True, "odd"),
        ("anything", True, "odd"),
        ("anything", False, "plausible"),
        ("two words", False, "odd"),
    ],
)
def test_of_a_key_only_its_shape_is_looked_at(key: str | None, official: bool, shape: str) -> None:
    assert key_shape(None if key is None else SecretStr(key), official=official) == shape


def test_the_engines_own_account_is_read() -> None:
    raw = {
        "SystemTime": "2026-11-23T18:53:19.429461664Z",
    }
    facts = engine_facts(INFO, raw, now=1795459989.0)
    assert facts.info == INFO
    assert facts.clock_ahead_s == pytest.approx(10.43, abs=0.01)


def test_an_engine_that_does_not_say_what_time_it_is_counts_as_right() -> None:
    assert engine_facts(INFO, {"SystemTime": ""}, now=0.0).clock_ahead_s == 0.0


class Answers(BaseHTTPRequestHandler):
    """Speaks a little Ollama; anything else is refused, which still is an answer."""

    def do_GET(self) -> None:
        body = {
            "/api/version": b'{"version": "9.9"}',
            "/api/tags": b'{"models": [{"name": "m:1"}]}',
        }
        self.send_response(200 if self.path in body else 404)
        self.end_headers()
        self.wfile.write(body.get(self.path, b""))

    def do_HEAD(self) -> None:
        self.send_error(401)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def closed_port() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as http:
        return f"http://127.0.0.1:{http.server_port}"


def test_a_refusal_is_an_answer_and_tells_the_time(server: str) -> None:
    answer = reach(server)
    assert isinstance(answer, Reached)
    assert answer.status == 401
    assert answer.clock_ahead_s == pytest.approx(0.0, abs=2.0)


def test_nobody_there_is_said_in_the_systems_words() -> None:
    assert reach(closed_port()) == Missing("Connection refused")


def test_an_address_that_is_none_is_missing_not_an_error() -> None:
    assert isinstance(reach("not an address"), Missing)


def test_waiting_ends() -> None:
    never = threading.Event()

    def hang() -> Reached:
        never.wait()
        return Reached(200, b"", None)

    assert within(0.01, hang) == Missing("no answer within 0.01 s")
    never.set()


def test_ollama_tells_its_version_and_models(server: str) -> None:
    assert ask_ollama(server) == OllamaFacts("9.9", ("m:1",))


def test_an_ollama_host_that_is_no_address_is_named() -> None:
    said = ask_ollama("host:port")
    assert isinstance(said, Missing)
    assert "OLLAMA_HOST 'host:port' is no address" in said.reason


def test_another_server_in_ollamas_place_is_told_apart(server: str) -> None:
    assert isinstance(ask_ollama(f"{server}/elsewhere"), Missing)


def test_a_password_in_ollama_host_is_not_shown() -> None:
    said = ask_ollama("me:hunter2@host:port")
    assert isinstance(said, Missing)
    assert "OLLAMA_HOST 'host:port' is no address" in said.reason


def test_ollama_is_asked_where_a_name_and_a_password_are_given(server: str) -> None:
    assert isinstance(ask_ollama(server.replace("http://", "me:hunter2@")), OllamaFacts)


# ---- the whole ----------------------------------------------------------------------------


def no_image(_engine: Engine, task: Task) -> str:
    raise EnvironmentProblem(f"no image of {task.id}")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return Settings(
        _env_file=None,
        results=tmp_path / "results",
        ANTHROPIC_API_KEY=KEY,
        ANTHROPIC_BASE_URL=closed_port(),
        OLLAMA_HOST=closed_port(),
    )


def test_with_nothing_running_every_lack_is_named_at_once(settings: Settings) -> None:
    found = {each.name: each for each in findings(look(settings, no_image))}
    assert found["Docker engine"].ok == "bad"
    assert found["Anthropic API"].ok == "warn"
    assert found["Ollama"].ok == "warn"
    assert found["results"].ok == "ok"
    assert found["API key"].ok == "ok"


def test_the_key_is_never_shown(settings: Settings) -> None:
    facts = look(settings, no_image)
    assert KEY not in repr(facts)
    assert KEY not in repr(findings(facts))


def test_looking_leaves_nothing_behind(settings: Settings) -> None:
    look(settings, no_image)
    assert not settings.results.exists()


def test_a_results_folder_that_is_a_file_cannot_be_written(settings: Settings) -> None:
    settings.results.write_text("not a folder")
    facts = look(settings, no_image)
    assert facts.results_problem == f"{settings.results} is not a folder"


def test_a_file_that_is_no_database_is_reported(settings: Settings) -> None:
    settings.results.mkdir()
    settings.database.write_text("this is no DuckDB file at all")
    facts = look(settings, no_image)
    assert facts.database_problem is not None
    assert not facts.database_busy


def test_a_database_that_opens_is_fine(settings: Settings) -> None:
    settings.results.mkdir()
    duckdb.connect(settings.database).close()
    assert look(settings, no_image).database_problem is None

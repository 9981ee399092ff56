"""The doctor: what it makes of the facts, how it looks them up, and what it never says."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from runner.config.arms import load_arms
from runner.config.settings import ROOT, Settings
from runner.config.tasks import Task
from runner.doctor.facts import EngineFacts, Facts, engine_facts, key_shape, look
from runner.doctor.finding import Finding
from runner.doctor.findings import findings
from runner.doctor.reach import Missing, OllamaFacts, Reached, ask_ollama, ollama_url, reach, within
from runner.errors import EnvironmentProblem
from runner.sandbox.engine import Engine, EngineInfo

GIB = 2**30
KEY = "sk-ant-api03-this-must-never-be-shown"

INFO = EngineInfo(
    address="unix:///var/run/docker.sock",
    version="29.1.0",
    api_version="1.52",
    runc_version="1.3.3",
    architecture="amd64",
    kernel="6.1.0",
    storage_driver="overlay2",
    cgroup_version="2",
    security=("seccomp", "apparmor"),
    cpus=4,
    memory_bytes=16 * GIB,
    root_dir="/var/lib/docker",
)
ENGINE = EngineFacts(INFO, ("nvidia", "runc"), (), 0.0)
HEALTHY = Facts(
    python=(3, 11, 2),
    engine=ENGINE,
    images={"T1": "sha256:11", "T3": "sha256:33"},
    cpus_wanted=2.0,
    memory_wanted=4 * GIB,
    free={Path("/var/lib/docker"): 50 * GIB},
    results=Path("results"),
    results_problem=None,
    database=Path("results/trials.duckdb"),
    database_problem=None,
    database_busy=False,
    key="plausible",
    api=Reached(404, b"", 0.4),
    api_url="https://api.anthropic.com",
    ollama=OllamaFacts("0.34.2", ("qwen3.5:9b", "other:latest")),
    nvidia_smi=True,
    arms=load_arms(ROOT / "runner" / "arms"),
    wall_drift_s=0.0,
)


def with_engine(**changes: object) -> Facts:
    return replace(HEALTHY, engine=replace(ENGINE, info=replace(INFO, **changes)))


def finding(facts: Facts, name: str) -> Finding:
    (found,) = [each for each in findings(facts) if each.name == name]
    return found


def test_a_machine_that_has_everything_gets_no_complaint() -> None:
    assert {each.ok for each in findings(HEALTHY)} == {"ok"}
    assert all(each.fix is None for each in findings(HEALTHY))


BAD = [
    ("Python", replace(HEALTHY, python=(3, 10, 12)), "3.10.12", "3.11"),
    ("Docker engine", replace(HEALTHY, engine=Missing("nobody home")), "nobody home", "make setup"),
    ("Docker engine", with_engine(api_version="1.40"), "20.10 is the oldest", "docs.docker.com"),
    (
        "seccomp",
        with_engine(security=("apparmor",)),
        "no container can be sealed",
        "CONFIG_SECCOMP",
    ),
    ("CPUs and memory", with_engine(cpus=1), "asks for 2 CPUs", "RUNNER_CPUS=1"),
    ("image T1", replace(HEALTHY, images={"T1": Missing("missing")}), "missing", "make image"),
    ("disk", replace(HEALTHY, free={Path("/data"): GIB // 10}), "/data", "free some space"),
    ("results", replace(HEALTHY, results_problem="Read-only"), "Read-only", "RUNNER_RESULTS"),
    ("database", replace(HEALTHY, database_problem="too new"), "too new", "status --rebuild"),
]


@pytest.mark.parametrize(("name", "facts", "said", "fix"), BAD)
def test_what_stops_even_a_scripted_trial_is_bad(
    name: str, facts: Facts, said: str, fix: str
) -> None:
    found = finding(facts, name)
    assert found.ok == "bad"
    assert said in found.said
    assert fix in (found.fix or "")


AHEAD = replace(ENGINE, clock_ahead_s=-7.5)
UNLIMITED = replace(ENGINE, limits_missing=("SwapLimit",))
WARN = [
    ("runc", with_engine(runc_version=""), "not known", "runc --version"),
    ("storage driver", with_engine(storage_driver="vfs"), "slowly", "overlay2"),
    ("cgroups", replace(HEALTHY, engine=UNLIMITED), "SwapLimit", "swapaccount=1"),
    ("CPUs and memory", with_engine(memory_bytes=2 * GIB), "4.0 GiB", "RUNNER_MEMORY_MB=1536"),
    ("disk", replace(HEALTHY, free={Path("/data"): GIB}), "1.0 GiB free", "free some space"),
    ("API key", replace(HEALTHY, key="absent"), "arms A, B, C, D", "ANTHROPIC_API_KEY"),
    ("API key", replace(HEALTHY, key="odd"), "does not look like a key", "without spaces"),
    ("Anthropic API", replace(HEALTHY, api=Missing("refused")), "refused", "ANTHROPIC_BASE_URL"),
    ("Ollama", replace(HEALTHY, ollama=Missing("refused")), "arm B", "OLLAMA_HOST"),
    ("Ollama", replace(HEALTHY, ollama=OllamaFacts("1", ())), "lacks", "ollama pull qwen3.5:9b"),
    ("GPU", replace(HEALTHY, engine=replace(ENGINE, runtimes=())), "cannot use it", "Toolkit"),
    ("clock", replace(HEALTHY, engine=AHEAD), "-7.5 s", "set the clock"),
    ("clock", replace(HEALTHY, api=Reached(200, b"", 3600.0)), "+3600 s", "set the clock"),
    ("clock", replace(HEALTHY, wall_drift_s=-3.0), "-3.0 s", "set the clock"),
]


@pytest.mark.parametrize(("name", "facts", "said", "fix"), WARN)
def test_what_limits_something_is_a_warning_that_names_it(
    name: str, facts: Facts, said: str, fix: str
) -> None:
    found = finding(facts, name)
    assert found.ok == "warn"
    assert said in found.said
    assert fix in (found.fix or "")


@pytest.mark.parametrize(
    "version", ["1.1.5+ds1", "1.1.15", "1.2.7", "1.3.0", "1.3.2+ds1", "1.4.0-rc.2"]
)
def test_a_runc_without_the_fixes_of_november_2025_is_named(version: str) -> None:
    found = finding(with_engine(runc_version=version), "runc")
    assert found.ok == "warn"
    assert "November 2025" in found.said


@pytest.mark.parametrize("version", ["1.2.8", "1.3.3", "1.3.10", "1.4.0-rc.3", "1.4.0", "1.10.0"])
def test_a_runc_with_the_fixes_is_fine(version: str) -> None:
    assert finding(with_engine(runc_version=version), "runc").ok == "ok"


def test_layers_that_are_absent_are_noted_not_held_against_the_machine() -> None:
    found = finding(with_engine(security=("seccomp",)), "further isolation")
    assert found.ok == "ok"
    assert "userns, apparmor, gVisor" in found.said


def test_without_an_engine_nothing_is_said_about_what_it_would_know() -> None:
    names = [each.name for each in findings(replace(HEALTHY, engine=Missing("none"), images={}))]
    assert "runc" not in names
    assert "API key" in names


def test_a_database_in_use_is_no_fault_of_the_machine() -> None:
    facts = replace(HEALTHY, database_problem="held by process 7", database_busy=True)
    assert finding(facts, "database").ok == "warn"


# ---- looking ----------------------------------------------------------------------------


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
        "Runtimes": {"runsc": {}, "runc": {}},
        "MemoryLimit": True,
        "PidsLimit": False,
        "SystemTime": "2026-11-23T18:53:19.429461664Z",
    }
    facts = engine_facts(INFO, raw, now=1795459989.0)
    assert facts.runtimes == ("runc", "runsc")
    assert facts.limits_missing == ("PidsLimit",)
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


def test_another_server_in_ollamas_place_is_told_apart(server: str) -> None:
    assert isinstance(ask_ollama(f"{server}/elsewhere"), Missing)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("gpu.lan:1234", "http://gpu.lan:1234"),
        ("https://ollama.lan/", "https://ollama.lan:443"),
        ("[::1]:11434", "http://[::1]:11434"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str) -> None:
    assert ollama_url(host) == url


# ---- the whole ----------------------------------------------------------------------------


def no_image(_engine: Engine, task: Task) -> str:
    raise EnvironmentProblem(f"no image of {task.id}")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return Settings(
        _env_file=None,
        results=tmp_path / "results",
        tasks_dir=tmp_path / "no-tasks",
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

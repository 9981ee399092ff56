"""What the doctor makes of the facts."""

from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.arms import load_arms
from runner.config.settings import ROOT
from runner.doctor.facts import EngineFacts, Facts
from runner.doctor.finding import GIB, Finding
from runner.doctor.findings import findings
from runner.doctor.reach import Missing, OllamaFacts, Reached
from runner.sandbox.engine import EngineInfo

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
    runtimes=("nvidia", "runc"),
)
ENGINE = EngineFacts(INFO, 0.0)
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
WARN = [
    ("runc", with_engine(runc_version=""), "not known", "runc --version"),
    ("storage driver", with_engine(storage_driver="vfs"), "slowly", "overlay2"),
    ("cgroups", with_engine(limits_missing=("SwapLimit",)), "SwapLimit", "swapaccount=1"),
    ("CPUs and memory", with_engine(memory_bytes=2 * GIB), "4.0 GiB", "RUNNER_MEMORY_MB=1536"),
    ("disk", replace(HEALTHY, free={Path("/data"): GIB}), "1.0 GiB free", "free some space"),
    (
        "API key",
        replace(HEALTHY, key="absent"),
        "arms A, B, C, D (B-bounded, B-symmetric when named)",
        "ANTHROPIC_API_KEY",
    ),
    ("API key", replace(HEALTHY, key="odd"), "does not look like a key", "without spaces"),
    ("Anthropic API", replace(HEALTHY, api=Missing("refused")), "refused", "ANTHROPIC_BASE_URL"),
    (
        "Ollama",
        replace(HEALTHY, ollama=Missing("refused")),
        "arm B (B-bounded, B-symmetric, E when named)",
        "OLLAMA_HOST",
    ),
    (
        "Ollama",
        replace(HEALTHY, arms={"E": HEALTHY.arms["E"]}, ollama=Missing("refused")),
        "no live trials of arms (E when named)",
        "OLLAMA_HOST",
    ),
    ("Ollama", replace(HEALTHY, ollama=OllamaFacts("1", ())), "lacks", "ollama --pull qwen3.5:9b"),
    ("GPU", with_engine(runtimes=()), "cannot use it", "Toolkit"),
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

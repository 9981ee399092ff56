"""The Makefile: what each target would run, and that `make help` lists them all."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from runner.config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
INTERNAL = {"python"}
SETUP = "scripts/setup.sh"


def make(*arguments: str, **variables: str) -> str:
    """What make prints; this test's own make, if any, has no say."""
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def plan(*arguments: str, **variables: str) -> list[str]:
    """The commands make would run, in order."""
    return [line.strip() for line in make("--dry-run", *arguments, **variables).splitlines()]


def test_help_is_what_make_does_when_it_is_told_nothing() -> None:
    assert make() == make("help")


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^  make ([a-z-]+) ", make("help"), re.MULTILINE)
    assert sorted(listed) == sorted(set(TARGETS) - INTERNAL)


@pytest.mark.parametrize("target", sorted(set(TARGETS) - INTERNAL - {"help", "clean"}))
def test_every_target_sets_the_machine_up_first(target: str) -> None:
    assert plan(target)[0].startswith(SETUP)


@pytest.mark.parametrize("target", ["status", "report", "doctor", "check", "test-unit", "lock"])
def test_what_needs_no_engine_does_not_ask_for_one(target: str) -> None:
    assert plan(target)[0] == f"{SETUP} python"


def test_the_demo_builds_the_images_and_plays_arm_c_on_t3() -> None:
    assert plan("demo") == [
        SETUP,
        ".venv/bin/runner image",
        ".venv/bin/runner trial --arm C --task T3 --models scripted",
    ]


def test_variables_become_options_only_when_given() -> None:
    assert plan("trial", "ARM=C", "TASK=T3")[-1] == ".venv/bin/runner trial --arm 'C' --task 'T3'"
    assert plan("trial")[-1] == ".venv/bin/runner trial"


def test_every_variable_of_a_trial_is_passed_on() -> None:
    given = ["ARM=D", "TASK=T1", "TRIAL=0", "MODELS=scripted:nop", "MAX_ITERS=5"]
    assert plan("trial", *given)[-1].split() == [
        ".venv/bin/runner",
        "trial",
        *("--arm", "'D'", "--task", "'T1'", "--trial", "'0'"),
        *("--models", "'scripted:nop'", "--max-iters", "'5'"),
    ]


def test_variables_may_come_from_the_environment() -> None:
    assert plan("trial", ARM="A", TASK="T2")[-1].endswith("--arm 'A' --task 'T2'")


def test_a_value_is_never_run_by_the_shell() -> None:
    assert plan("trial", "ARM=C'; touch /x; '")[-1].endswith(r"--arm 'C'\''; touch /x; '\'''")


def test_the_tests_without_docker_come_first() -> None:
    commands = plan("test")
    (unit,) = [at for at, line in enumerate(commands) if "tests/unit" in line]
    (docker,) = [at for at, line in enumerate(commands) if "tests/docker" in line]
    assert unit < docker


def test_cleaning_never_touches_results() -> None:
    assert "results" not in "\n".join(plan("clean"))


def test_ci_uses_what_a_person_uses() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "make test" in text
    assert "make check" in text


def test_every_line_of_the_example_environment_is_a_setting() -> None:
    example = (ROOT / ".env.example").read_text()
    names = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    known = {
        field.validation_alias or f"RUNNER_{name.upper()}"
        for name, field in Settings.model_fields.items()
    }
    assert names
    assert names <= known

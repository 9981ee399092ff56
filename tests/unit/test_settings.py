import os
from pathlib import Path

import pytest

from runner.config.address import ollama_url
from runner.config.settings import ROOT, load_settings
from runner.errors import UsageError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours and no `.env` of the person who runs the tests."""
    for name in os.environ:
        if name.startswith(("RUNNER_", "ANTHROPIC_", "OLLAMA_")) or name == "BASE_IMAGE":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


WRONG = [
    ("RUNNER_CPUS", "two"),
    ("RUNNER_CPUS", "0"),
    ("RUNNER_CPUS", "-1"),
    ("RUNNER_CPUS", "inf"),
    ("RUNNER_CPUS", "nan"),
    ("RUNNER_MEMORY_MB", "511"),
    ("RUNNER_MEMORY_MB", "4 GB"),
    ("RUNNER_MEMORY_MB", "4096.5"),
    ("RUNNER_PIDS", "63"),
    ("RUNNER_BASH_TIMEOUT_S", "0"),
    ("RUNNER_DB_WAIT_S", "-1"),
    ("RUNNER_CALL_TIMEOUT_S", "1e999"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=rf"\b{name}\b"):
        load_settings()


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_CPUS", "x")
    monkeypatch.setenv("RUNNER_PIDS", "x")
    with pytest.raises(UsageError, match=r"RUNNER_CPUS.*RUNNER_PIDS"):
        load_settings()


def test_a_default_time_above_the_most_a_model_may_ask_for_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNNER_BASH_TIMEOUT_S", "601")
    with pytest.raises(UsageError, match="RUNNER_BASH_TIMEOUT_MAX_S"):
        load_settings()


def test_a_dotenv_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"RUNNER_CARD=\xff\xfe\n")
    with pytest.raises(UsageError, match=r"\.env"):
        load_settings()


def test_with_nothing_set_the_program_finds_its_own_files() -> None:
    settings = load_settings()
    assert settings.anthropic_api_key is None
    for folder in (
        settings.arms_dir,
        settings.tasks_dir,
        settings.rates_dir,
        settings.prompts_dir,
    ):
        assert folder.is_dir()
        assert folder.is_relative_to(ROOT)
    assert (settings.rates_dir / f"{settings.card}.toml").is_file()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_CPUS", "")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    settings = load_settings()
    assert (settings.cpus, settings.anthropic_api_key) == (2.0, None)


def test_dotenv_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("RUNNER_CPUS=3\nRUNNER_PIDS=100\nSOMEONE_ELSES=1\n")
    monkeypatch.setenv("RUNNER_PIDS", "200")
    settings = load_settings()
    assert (settings.cpus, settings.pids) == (3.0, 200)


def test_results_carry_everything_else_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_RESULTS", "elsewhere")
    settings = load_settings()
    assert settings.database == Path("elsewhere/trials.duckdb")
    assert settings.journals == Path("elsewhere/journal")
    monkeypatch.setenv("RUNNER_DB", "one.duckdb")
    assert load_settings().database == Path("one.duckdb")


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("BASE_IMAGE", "debian@sha256:0", "base_image"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9", "anthropic_base_url"),
        ("OLLAMA_HOST", "http://127.0.0.1:8", "ollama_host"),
    ],
)
def test_vendors_variables_keep_their_own_names(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, attribute: str
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(load_settings(), attribute) == value


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("gpu.lan:1234", "http://gpu.lan:1234"),
        ("https://ollama.lan/", "https://ollama.lan:443"),
        ("[::1]:11434", "http://[::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("me:hunter2@gpu:11434", "http://me:hunter2@gpu:11434"),
        ("http://gpu/behind/a/proxy/", "http://gpu:80/behind/a/proxy"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(
    monkeypatch: pytest.MonkeyPatch, host: str, url: str
) -> None:
    assert ollama_url(host) == ollama_url(url) == url
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert load_settings().ollama_host == url


def test_an_ollama_host_that_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "host:port")
    with pytest.raises(UsageError, match=r"OLLAMA_HOST: .*Port could not be cast"):
        load_settings()


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    settings = load_settings()
    assert "sk-secret" not in repr(settings)
    assert settings.anthropic_api_key is not None
    assert settings.anthropic_api_key.get_secret_value() == "sk-secret"

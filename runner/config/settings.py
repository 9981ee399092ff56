"""Settings of the machine and the person: environment variables and `.env`, in one place.

What belongs to an arm, a task or a price is TOML; what belongs to where the program runs is
here. Every name can also be set as an environment variable of the same name in capitals,
with the prefix `RUNNER_` unless the vendor's own name is given below.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runner.config.address import ollama_url
from runner.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
Gpu = Literal["auto", "on", "off"]


class Settings(BaseSettings):
    """Where things are and how to reach the models."""

    model_config = SettingsConfigDict(
        env_prefix="RUNNER_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    results: Path = Path("results")
    db: Path | None = None  # default: trials.duckdb in `results`
    cache: Path = ROOT / ".cache"
    arms_dir: Path = ROOT / "runner" / "arms"
    tasks_dir: Path = ROOT / "breakage"
    rates_dir: Path = ROOT / "runner" / "rates"
    prompts_dir: Path = ROOT / "runner" / "prompts"
    card: str = "list-2026-11"  # the rate card budgets and live costs are reckoned with
    db_wait_s: float = Field(default=30.0, ge=0)

    bash_timeout_s: float = Field(default=120.0, gt=0)  # the default of the `bash` tool
    bash_timeout_max_s: float = Field(default=600.0, gt=0)  # the most a model may ask for
    judge_timeout_s: float = Field(default=900.0, gt=0)
    call_timeout_s: float = Field(default=600.0, gt=0)  # one request to a model
    call_deadline_s: float = Field(default=1200.0, gt=0)  # one call with all its retries

    slots: int | None = Field(default=None, ge=1)  # heavy commands at once; default: by CPUs
    ollama_slots: int = Field(default=1, ge=1)  # trials at once that use the local model
    engine_wait_s: float = Field(default=120.0, ge=0)  # for an engine that restarts

    cpus: float = Field(default=2.0, gt=0)
    memory_mb: int = Field(default=4096, ge=512)
    pids: int = Field(default=256, ge=64)
    runtime: str | None = None  # of containers, such as runsc; default: the engine's own

    base_image: str | None = Field(default=None, validation_alias="BASE_IMAGE")
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    anthropic_base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    ollama_host: str | None = Field(default=None, validation_alias="OLLAMA_HOST")
    ollama_gpu: Gpu = Field(default="auto", validation_alias="OLLAMA_GPU")
    ollama_image: str | None = Field(default=None, validation_alias="OLLAMA_IMAGE")

    @field_validator("ollama_host")
    @classmethod
    def _whole(cls, host: str | None) -> str | None:
        """As every reader of it wants it: with a scheme, a port and a host to connect to."""
        return None if host is None else ollama_url(host)

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.db or self.results / "trials.duckdb"

    @property
    def journals(self) -> Path:
        """The folder of append-only journals, one file a run."""
        return self.results / "journal"

    @property
    def transcripts(self) -> Path:
        """The folder of transcripts, one file a trial."""
        return self.results / "transcripts"

    @property
    def changes(self) -> Path:
        """The folder of what went to the judge, one tar a trial."""
        return self.results / "changes"

    @property
    def recordings(self) -> Path:
        """The folder of recorded trials, one folder a trial."""
        return self.results / "recordings"


def load_settings() -> Settings:
    """Read the environment and `.env`; raises `UsageError` naming the variable."""
    try:
        settings = Settings()
    except ValidationError as error:
        clauses = (f"{named(p['loc'][0])}: {p['msg']}" for p in error.errors())
        raise UsageError(f"environment or .env: {'; '.join(clauses)}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f".env: is not UTF-8 text: {error}") from error
    if settings.bash_timeout_s > settings.bash_timeout_max_s:
        raise UsageError(
            f"environment or .env: RUNNER_BASH_TIMEOUT_S is {settings.bash_timeout_s:g}, "
            f"more than RUNNER_BASH_TIMEOUT_MAX_S, {settings.bash_timeout_max_s:g}"
        )
    return settings


def named(setting: int | str) -> str:
    """A setting and the variable it is read from, which for the vendors' own is its name."""
    name = str(setting)
    return name if name.isupper() else f"setting '{name}' (RUNNER_{name.upper()})"

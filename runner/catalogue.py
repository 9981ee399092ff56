"""Everything that is data, read together: arms, tasks, rate cards and prompts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.config.arms import Arm, load_arms
from runner.config.rates import RateCard, load_cards
from runner.config.settings import Settings
from runner.config.tasks import Task, load_tasks
from runner.errors import UsageError
from runner.trial.spec import Prompts


@dataclass(frozen=True)
class Catalogue:
    """Arms, tasks and rate cards by id, and the prompts."""

    arms: Mapping[str, Arm]
    tasks: Mapping[str, Task]
    cards: Mapping[str, RateCard]
    prompts: Prompts


def load_catalogue(settings: Settings) -> Catalogue:
    """Read all data files; raises `UsageError` naming the file and the key that is wrong."""
    return Catalogue(
        load_arms(settings.arms_dir),
        load_tasks(settings.tasks_dir),
        load_cards(settings.rates_dir),
        load_prompts(settings.prompts_dir),
    )


def load_prompts(folder: Path) -> Prompts:
    """The system prompts: what is common to all, then the role's own part.

    Raises:
        UsageError: a file is missing, or is no text; the message names it.
    """
    common, *roles = (
        _text(folder / f"{name}.md") for name in ("common", "solo", "orchestrator", "executor")
    )
    return Prompts(*(f"{common}\n\n{role}\n" for role in roles))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error}") from error

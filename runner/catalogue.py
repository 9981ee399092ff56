"""Everything that is data, read together: arms, tasks, rate cards and prompts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.config.arms import Arm, ArmFile, arm_of, load_arms, with_files
from runner.config.rates import RateCard, load_cards
from runner.config.settings import Settings
from runner.config.tasks import Task, load_tasks
from runner.errors import UsageError
from runner.trial.spec import Prompts

ROLES = ("solo", "orchestrator", "executor")


@dataclass(frozen=True)
class Catalogue:
    """Arms, tasks and rate cards by id, and the prompts.

    `arm_files` names the files of arms from outside the arms' folder, by the arm's id.
    """

    arms: Mapping[str, Arm]
    tasks: Mapping[str, Task]
    cards: Mapping[str, RateCard]
    prompts: Prompts
    arm_files: Mapping[str, str] = field(default_factory=dict)

    def file_of(self, arm_id: str) -> str:
        """The file an arm is written in, as messages name it."""
        return self.arm_files.get(arm_id, f"{arm_id}.toml")

    @property
    def default_arms(self) -> tuple[str, ...]:
        """The ids of the arms that run when none is named."""
        return tuple(arm.id for arm in self.arms.values() if arm.default)


def load_catalogue(settings: Settings, arm_files: Iterable[ArmFile] = ()) -> Catalogue:
    """Read all data files; raises `UsageError` naming the file and the key that is wrong.

    `arm_files` are arms from outside the arms' folder; they stand beside those in it.
    """
    files = tuple(arm_files)
    found = Catalogue(
        with_files(load_arms(settings.arms_dir), files),
        load_tasks(settings.tasks_dir),
        load_cards(settings.rates_dir),
        load_prompts(settings.prompts_dir),
        {arm_of(file).id: file.where for file in files},
    )
    for arm in found.arms.values():
        _check_prompt(arm, found, settings.prompts_dir)
    return found


def load_prompts(folder: Path) -> Prompts:
    """The system prompts: what is common to all, then the role's own part.

    Every other `*.md` of the folder is one that an arm may name.

    Raises:
        UsageError: a file is missing, or is no text; the message names it.
    """
    common = _text(folder / "common.md")

    def of(name: str) -> str:
        return f"{common}\n\n{_text(folder / f'{name}.md')}\n"

    others = sorted({path.stem for path in folder.glob("*.md")} - {"common", *ROLES})
    solo, orchestrator, executor = map(of, ROLES)
    return Prompts(solo, orchestrator, executor, {name: of(name) for name in others})


def _check_prompt(arm: Arm, there: Catalogue, folder: Path) -> None:
    known = (*ROLES, *there.prompts.further)
    if arm.prompt is not None and arm.prompt not in known:
        raise UsageError(
            f"{there.file_of(arm.id)}: key 'prompt': there is no {folder / arm.prompt}.md; "
            f"there are: {', '.join(known)}"
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error}") from error

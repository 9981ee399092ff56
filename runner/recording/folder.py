"""A recorded trial as a folder: `recording.json` says what it was, `exchanges.jsonl` what was said.

The folder is all that a replay needs besides the task and its image, so it can be shipped.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from runner.config.arms import Arm
from runner.config.loading import explain
from runner.config.rates import RateCard
from runner.config.tasks import Task
from runner.errors import EnvironmentProblem, UsageError
from runner.ledger.appended import unwritable
from runner.ledger.secrets import hider
from runner.recording.exchanges import WHAT, Exchanges, Tape, read_exchanges
from runner.trial.spec import Prompts, TrialSpec
from runner.types import JsonObject, ProviderKind

FORMAT = 1
ABOUT = "recording.json"
EXCHANGES = "exchanges.jsonl"
_ID = re.compile(r"[\w-][\w.-]*", re.ASCII)  # it becomes a file's name


@dataclass(frozen=True)
class About:
    """What a recorded trial was made of; hashes are sha256 (hex), times seconds.

    `task_files` holds the hash of every file of the task's folder, `image_key` the content key
    of the image it ran in.
    """

    format: int
    trial_id: str
    provider_kind: ProviderKind
    trial: int
    attempt: int
    arm: Arm
    card: RateCard
    task: str
    task_files: Mapping[str, str]
    image_key: str
    prompts: Prompts
    max_turns: int
    bash_timeout_s: float
    bash_timeout_max_s: float
    manifest: JsonObject


@dataclass(frozen=True)
class Recording:
    """A recorded trial as read from its folder."""

    folder: Path
    about: About
    exchanges: Exchanges


def about(
    spec: TrialSpec, image_key: str, *, bash_timeout_s: float, bash_timeout_max_s: float
) -> About:
    """What is to be known of a trial before it begins; raises `OSError` for the task's files."""
    return About(
        format=FORMAT,
        trial_id=spec.trial_id,
        provider_kind=spec.provider_kind,
        trial=spec.trial,
        attempt=spec.attempt,
        arm=spec.arm,
        card=replace(spec.card, path=Path(spec.card.path.name)),  # no folder of this machine
        task=spec.task.id,
        task_files=file_hashes(spec.task.folder),
        image_key=image_key,
        prompts=spec.prompts,
        max_turns=spec.max_turns,
        bash_timeout_s=bash_timeout_s,
        bash_timeout_max_s=bash_timeout_max_s,
        manifest=spec.manifest,
    )


def file_hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder by its path; byte code left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def create_recording(folder: Path, about: About, secrets: Sequence[str] = ()) -> Tape:
    """Make the folder of a trial that begins now, and the tape in it.

    `secrets` are blotted out of all that is written.

    Raises:
        UsageError: the folder exists.
        EnvironmentProblem: the disk refuses.
    """
    text = json.dumps(asdict(about), default=str, indent=1)
    try:
        folder.mkdir(parents=True)
        (folder / ABOUT).write_text(hider(secrets)(text) + "\n", encoding="ascii")
    except FileExistsError:
        raise UsageError(f"trial {about.trial_id} has a recording already: {folder}") from None
    except OSError as error:
        raise unwritable(WHAT, folder, error) from error
    return Tape(folder / EXCHANGES, secrets)


def find_recording(recordings: Path, name: str) -> Path:
    """The folder of a recording, by its trial's id or by its own path.

    Raises:
        UsageError: there is none; the message lists the latest there are.
    """
    for folder in (recordings / name, Path(name)):
        if (folder / ABOUT).is_file():
            return folder
    known = sorted(recordings.glob(f"*/{ABOUT}"), key=lambda path: path.stat().st_mtime)
    there = ", ".join(path.parent.name for path in known[-5:]) or "none"
    raise UsageError(
        f"no recording '{name}': name a recorded trial or its folder (the latest in {recordings}: "
        f"{there}); live trials are recorded, scripted ones with --record"
    )


def read_recording(folder: Path) -> Recording:
    """Read a recorded trial.

    Raises:
        EnvironmentProblem: a file is missing, damaged or of a newer program; names it and the
            key or line.
    """
    return Recording(folder, _read_about(folder / ABOUT), read_exchanges(folder / EXCHANGES))


def _read_about(path: Path) -> About:
    try:
        table = json.loads(path.read_text(encoding="ascii"))
        if isinstance(table, dict) and isinstance(number := table.get("format"), int):
            _check_format(path, number)
        found = TypeAdapter(About).validate_json(json.dumps(table))
    except ValidationError as error:
        raise EnvironmentProblem(f"{path}: {explain(error)}") from error
    except ValueError as error:
        raise EnvironmentProblem(f"{path}: is not JSON in ASCII: {error}") from error
    except OSError as error:
        raise EnvironmentProblem(f"{path}: cannot be read: {error.strerror}") from error
    if not _ID.fullmatch(found.trial_id):
        raise EnvironmentProblem(f"{path}: key 'trial_id': {found.trial_id!r} is no trial's id")
    return found


def _check_format(path: Path, number: int) -> None:
    if number > FORMAT:
        raise EnvironmentProblem(
            f"{path}: written by a newer runner (format {number}, this one knows {FORMAT}): "
            "update the runner"
        )


def check_task(about: About, task: Task) -> None:
    """The task's files are those the trial was recorded with.

    Raises:
        EnvironmentProblem: names the files that are not.
    """
    now = file_hashes(task.folder)
    what = [
        *(f"{name} changed" for name in sorted(now.keys() & about.task_files.keys())
          if now[name] != about.task_files[name]),
        *(f"{name} is missing" for name in sorted(about.task_files.keys() - now.keys())),
        *(f"{name} is new" for name in sorted(now.keys() - about.task_files.keys())),
    ]  # fmt: skip
    if what:
        raise EnvironmentProblem(
            f"task {task.id} is not as it was recorded: in {task.folder} {', '.join(what)}"
        )


def check_image(about: About, image_key: str) -> None:
    """The image is of the content the trial was recorded in.

    Raises:
        EnvironmentProblem: names both content keys.
    """
    if image_key != about.image_key:
        raise EnvironmentProblem(
            f"the image of task {about.task} is not the recorded one: its content key was "
            f"{about.image_key[:12]} and is {image_key[:12]}; check out the program's version of "
            "that time, use the same BASE_IMAGE, and run `make image`"
        )

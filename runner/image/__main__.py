"""`python -m runner.image`: build what is missing; `runner image` says the same."""

import sys
from pathlib import Path

from runner.config.tasks import load_tasks
from runner.errors import OperatorError
from runner.image.build import ImagePlan, ensure_images
from runner.sandbox.engine import connect

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Build the images of all tasks; the exit code."""
    plan = ImagePlan(ROOT / "images" / "typer-base", ROOT / ".cache")
    try:
        images = ensure_images(connect(), load_tasks(ROOT / "breakage"), plan, _say)
    except OperatorError as error:
        _say(str(error))
        return error.exit_code
    for image in images.values():
        _say(f"{image.tag}  {image.id[:19]}")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())

"""Build the task images that are missing or were built from other inputs.

example: runner image
"""

import argparse

from rich.console import Console

from runner.config.settings import ROOT, load_settings
from runner.config.tasks import load_tasks
from runner.errors import EXIT_OK
from runner.image.build import ImagePlan, ensure_images
from runner.sandbox.engine import connect


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace, console: Console) -> int:
    """Build what is missing, saying what is being done; silent when there is nothing to do."""
    settings = load_settings()
    plan = ImagePlan(ROOT / "images" / "typer-base", settings.cache, settings.base_image)
    ensure_images(connect(), load_tasks(settings.tasks_dir), plan, console.print)
    return EXIT_OK

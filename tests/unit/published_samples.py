"""Rows in the format of the published per-trial data, and where that data is."""

import json
import os
from pathlib import Path

import pytest

from runner.config.rates import load_cards
from runner.config.settings import ROOT

OPUS, HAIKU, QWEN = "claude-opus-4-7", "claude-haiku-4-5-20251001", "qwen-local"
CARDS = load_cards(ROOT / "runner" / "rates")
KNOWN_MODELS = {model for card in CARDS.values() for model in card.rates}


def paper() -> Path:
    """The folder of the published data; skips, saying so, where it is not."""
    folder = Path(os.environ.get("PAPER_DATA", ROOT / ".." / "shared" / "paper"))
    if not (folder / "trials.csv").exists():
        pytest.skip(f"no published data in {folder}: set PAPER_DATA to its folder")
    return folder


def usage(tokens_in: int = 1000, out: int = 100, written: int = 0, read: int = 0) -> dict[str, int]:
    return {
        "input_tokens": tokens_in,
        "output_tokens": out,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
    }


def published(**changes: object) -> dict[str, object]:
    """A solved trial of arm A on T3, 0.0225 USD by the paper's card, with these keys changed."""
    return {
        "arm": "A",
        "task": "T3",
        "trial": 0,
        "success": True,
        "blocked": False,
        "wall_sec": 59.89,
        "iterations": 6,
        "usage_by_role": {OPUS: usage()},
        "cost_usd_by_role": {OPUS: 0.0225},
        "total_cost_usd": 0.0225,
        "verify_final": {"exit_code": 0, "summary": "all green"},
        "error": None,
    } | changes


def failed_start(**changes: object) -> dict[str, object]:
    return (
        published(
            success=False,
            iterations=0,
            usage_by_role={},
            cost_usd_by_role={},
            total_cost_usd=0.0,
            verify_final={},
            error="BadRequestError: no credit",
        )
        | changes
    )


def write(folder: Path, name: str, *rows: object) -> Path:
    """A file of these rows; a string is a line as it stands."""
    folder.mkdir(exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path

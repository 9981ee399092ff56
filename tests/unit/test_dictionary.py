"""docs/dictionary.md is what scripts/dictionary.py makes of the schema."""

import re
import subprocess
import sys

from doc_pages import ALL

from runner.config.settings import ROOT

PAGE = ALL["docs/dictionary.md"]


def test_the_page_is_what_the_schema_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/dictionary.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_column_has_a_type_and_a_meaning() -> None:
    rows = re.findall(r"^\| (`\w+`) \| (.*?) \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 100
    assert [name for name, kind, _, meaning in rows if not kind or not meaning] == []


def test_tables_come_before_views() -> None:
    kinds = re.findall(r"^## (Table|View)", PAGE, re.MULTILINE)
    assert kinds == sorted(kinds)
    assert {"Table", "View"} == set(kinds)

"""Write docs/dictionary.md from the schema: every table and view, column by column.

Names, types and what may be NULL come from a database made for it; meanings from
docs/database.md, where each is told once. `--check` writes nothing and fails if it would.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from runner.config.settings import ROOT
from runner.ledger.database import ingest
from runner.ledger.duck import query

GUIDE = ROOT / "docs" / "database.md"
TARGET = ROOT / "docs" / "dictionary.md"
HEAD = """\
# Data dictionary

Made from the schema by `scripts/dictionary.py`; do not edit. [database.md](database.md) explains, \
[queries.md](queries.md) shows how to ask.
"""
COLUMNS = """
    select columns.table_name, tables.table_name is null as is_view, column_name, data_type,
           is_nullable and tables.table_name is not null
    from duckdb_columns() as columns
    left join duckdb_tables() as tables on tables.table_name = columns.table_name
    where not columns.internal
    order by is_view, columns.table_name, column_index
"""
NULLS = {True: "may be NULL", False: ""}


def main() -> int:
    """Write or check the page; 1 if it is not what the schema says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args()
    text = page(schema(), meanings(GUIDE.read_text(encoding="utf-8")))
    if options.check:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
            return 0
        print("docs/dictionary.md is not what the schema says: run scripts/dictionary.py")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def schema() -> Sequence[Sequence[object]]:
    """Every column: table, whether that is a view, name, type, whether it may be NULL."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "empty.duckdb"
        ingest(database, [], {})
        return query(database, COLUMNS).rows


def meanings(guide: str) -> Mapping[tuple[str, str], str]:
    """What the guide says of each column of each table."""
    found = {}
    for section in re.split(r"^### ", guide, flags=re.MULTILINE)[1:]:
        table = section.split("`")[1]
        for names, meaning in re.findall(r"^\| (`.*?`) \| (.*) \|$", section, re.MULTILINE):
            for name in names[1:-1].split("`, `"):
                found[table, name] = meaning
    return found


def page(columns: Iterable[Sequence[object]], said: Mapping[tuple[str, str], str]) -> str:
    """The whole page."""
    parts = [HEAD]
    for (table, is_view), group in groupby(columns, key=lambda row: (str(row[0]), row[1])):
        parts.append(f"\n## {'View' if is_view else 'Table'} `{table}`\n\n")
        parts.append("| column | type | | meaning |\n|---|---|---|---|\n")
        for _, _, name, kind, null in group:
            meaning = said.get((table, str(name)), "")
            parts.append(f"| `{name}` | {kind} | {NULLS[bool(null)]} | {meaning} |\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main())

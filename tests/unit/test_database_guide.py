import re
from pathlib import Path

import pytest
from ledger_samples import CARDS, ask, trial, write_journal

from runner.ledger.database import ingest
from runner.ledger.duck import query

GUIDE = (Path(__file__).parents[2] / "docs" / "database.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide")
    trials = [trial("t1"), trial("t2"), trial("t3"), trial("t4", "failed")]
    ingest(folder / "trials.duckdb", [write_journal(folder, "r1", *trials)], CARDS)
    return folder / "trials.duckdb"


def documented() -> dict[str, list[str]]:
    """Columns by table, from the first cell of each row under a table's heading."""
    found = {}
    for section in re.split(r"^### ", GUIDE, flags=re.MULTILINE)[1:]:
        cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
        found[section.split("`")[1]] = [name for cell in cells for name in cell[1:-1].split("`, `")]
    return found


def test_every_table_and_column_is_documented_and_nothing_else(db: Path) -> None:
    actual: dict[str, list[str]] = {}
    sql = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
    for table, column in ask(db, sql):
        actual.setdefault(str(table), []).append(str(column))
    assert {table: sorted(columns) for table, columns in documented().items()} == {
        table: sorted(columns) for table, columns in actual.items()
    }


def test_there_are_five_worked_queries() -> None:
    assert len(QUERIES) == 5


@pytest.mark.parametrize("sql", QUERIES, ids=range(len(QUERIES)))
def test_a_query_of_the_guide_runs_as_printed_and_finds_something(db: Path, sql: str) -> None:
    table = query(db, sql)
    assert table.rows
    for column, values in zip(table.columns, zip(*table.rows, strict=True), strict=True):
        assert any(value is not None for value in values), column

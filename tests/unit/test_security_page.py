"""docs/security.md is what `make attack` prints when all is well: the suite itself says what."""

import re

from doc_pages import ALL, FENCE, section, table

from runner.attack.catalogue import KINDS, load_tricks
from runner.attack.controls import controls_of
from runner.attack.honest import honest_variants
from runner.attack.outcome import Control, Honesty, Outcome, Side
from runner.attack.probes import NAMES, ProbeResult
from runner.attack.table import Results, faults, rows, table_text, totals
from runner.config.settings import ROOT
from runner.scripted.cheats import load_attacks

PAGE = ALL["docs/security.md"]
WON, LOST = Side(True, ""), Side(False, "")
MOST_MINUTES = 15.0
WITH_A_SOLUTION = ("TINY", "T1", "T2", "T3")
USERS = ("agent", "judge", "tests")


def all_is_well() -> Results:
    """The results of a whole run in which nothing is a fault."""
    tricks = load_tricks()
    found = Results()
    for trick in tricks:
        attack = trick.attack
        found.add(Outcome(trick.name, attack.id, attack.row, attack.kind, naive=WON, ours=LOST))
    for still in controls_of(tricks):
        found.add(Control(still.variant.name, LOST))
    for work in honest_variants():
        found.add(Honesty(work.id, solved=True, passed=True, heard=False, why=""))
    found.add(Honesty("TINY.oracle", solved=True, passed=True, heard=True, why=""))
    found.add(Honesty("TINY.nop", solved=False, passed=False, heard=True, why=""))
    for user in USERS:
        for name in NAMES:
            found.add(ProbeResult(f"{user}: {name}", held=True, said=""))
    assert faults(found) == []
    return found


def test_the_table_is_the_one_a_run_prints_in_which_nothing_is_a_fault() -> None:
    found = all_is_well()
    (_, shown), _ = FENCE.findall(section(PAGE, "What comes of it"))
    assert shown == table_text(rows(found.outcomes), totals(found)) + "\n"


def test_what_the_whole_judge_says_of_honest_work_is_what_a_run_prints_when_all_is_well() -> None:
    found = Results()
    for work in honest_variants():
        found.add(Honesty(work.id, solved=True, passed=True, heard=True, why=""))
    for task in WITH_A_SOLUTION:
        found.add(Honesty(f"{task}.oracle", solved=True, passed=True, heard=True, why=""))
        found.add(Honesty(f"{task}.nop", solved=False, passed=False, heard=True, why=""))
    _, (_, shown) = FENCE.findall(section(PAGE, "What comes of it"))
    printed = table_text(rows(found.outcomes), totals(found)).splitlines()
    honest, nothing = (line for line in printed if line.startswith(("honest", "nothing")))
    assert shown == f"{honest}\n{nothing}\n"


def test_every_class_is_listed_with_what_it_tries() -> None:
    documented = [tuple(row) for row in table(PAGE, "What each class tries", "row")]
    attacks = load_attacks().values()
    assert documented == [(str(a.row), a.id, a.kind, a.title) for a in attacks]


def test_every_kind_says_when_it_wins_on_either_side() -> None:
    assert {row[0] for row in table(PAGE, "How an attack is tried", "kind")} == set(KINDS)


def test_figures_in_the_text_are_those_of_the_table() -> None:
    total = totals(all_is_well())
    found = re.search(r"No win in (\d+) attempts .* at ([\d.]+) %", PAGE)
    assert found
    assert int(found[1]) == total.variants
    assert f"{3 / total.variants:.1%}".replace("%", " %") == f"{found[2]} %"
    assert f"{len(honest_variants())} other ways to solve the three tasks" in PAGE
    assert f"{len(NAMES)} probes as each of three users" in PAGE
    took = re.search(r"on 2 cores with nothing else running: ([\d.]+) minutes", PAGE)
    assert took
    assert float(took[1]) <= MOST_MINUTES


def test_tests_that_the_page_names_are_there() -> None:
    named = re.findall(r"`(?:tests/(?:docker|unit)/)?(test_\w+\.py)`", PAGE)
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert named
    assert set(named) <= there

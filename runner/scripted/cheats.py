"""The scripted cheats: attacks on the sandbox and the judge, as data.

`attacks/*.toml` holds them: an attack has variants, a variant has steps (write a file, replace a
text, run a command, or any tool call, however malformed). Words between @ signs stand for what
differs between tasks; `attacks/stages.toml` says for what. The standard library only, as all
that a script needs.

The steps are meant for a sealed container. Never play them on a machine of yours.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from runner.config.solution import Create, Edit, Solution
from runner.errors import UsageError
from runner.scripted.plans import bash, batches, edit_ask
from runner.scripted.script import Ask, Dialogue, Script, Turn

FOLDER = Path(__file__).parent / "attacks"
STAGES = "stages.toml"
PREFIX = "cheat:"
CANARY = "/etc/hostname"  # what a link leads to when nobody names a better place


@dataclass(frozen=True)
class Variant:
    """One way to try an attack: `calls` are its tool calls, with words between @ signs.

    `leaves` names the faults of the task it does not mend honestly first, `naive` how a naive
    judge would be fooled (see `runner.attack`), `repeat` the length of what @repeat@ stands for.
    """

    name: str
    calls: tuple[Ask, ...]
    leaves: tuple[str, ...]
    naive: str
    repeat: int


@dataclass(frozen=True)
class Attack:
    """A class of attacks: `row` is its number in the list of known ones."""

    id: str
    row: int
    kind: str
    title: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Stage:
    """What a task offers an attack: words for its @ signs, and which files mend which fault."""

    words: Mapping[str, str]
    mends: Mapping[str, tuple[str, ...]]


@cache
def load_attacks(folder: Path = FOLDER) -> Mapping[str, Attack]:
    """Every attack by id, in the order of their rows.

    Raises:
        UsageError: a file is no TOML, a key is missing or unknown, a name is taken twice.
    """
    found: dict[str, Attack] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == STAGES:
            continue
        for table in _tables(path).get("attack", ()):
            attack = _attack(table, path)
            if attack.id in found:
                raise UsageError(f"{path}: two attacks are named '{attack.id}'")
            found[attack.id] = attack
    return dict(sorted(found.items(), key=lambda item: item[1].row))


@cache
def load_stages(folder: Path = FOLDER) -> Mapping[str, Stage]:
    """What each task offers; raises `UsageError` as `load_attacks` does."""
    tables = _tables(folder / STAGES)
    return {
        task: Stage(
            {key: text for key, text in table.items() if isinstance(text, str)},
            {fault: tuple(paths) for fault, paths in table.get("mends", {}).items()},
        )
        for task, table in tables.items()
    }


def find_variant(name: str) -> tuple[Attack, Variant]:
    """The attack and variant that `ID` (its first variant) or `ID.VARIANT` names.

    Raises:
        UsageError: there is none such; the message lists what there is.
    """
    attacks = load_attacks()
    wanted, _, which = name.partition(".")
    if wanted not in attacks:
        raise UsageError(f"unknown cheat '{wanted}'; known: {', '.join(sorted(attacks))}")
    attack = attacks[wanted]
    for variant in attack.variants:
        if which in ("", variant.name):
            return attack, variant
    known = ", ".join(variant.name for variant in attack.variants)
    raise UsageError(f"cheat '{wanted}' has no variant '{which}'; it has: {known}")


def turns_of(
    variant: Variant, task: str, solution: Solution, canary: str = CANARY
) -> tuple[tuple[Ask, ...], ...]:
    """The tool calls of each turn: what is mended honestly first, then the attack.

    Raises:
        UsageError: nothing is known of the task, or a word between @ signs.
    """
    words = {**_stage(task).words, "canary": canary, "repeat": "x" * variant.repeat}
    attack = [(Ask(call.name, _filled(call.arguments, words)),) for call in variant.calls]
    return (*batches(mended(variant, task, solution)), *attack)


def mended(variant: Variant, task: str, solution: Solution) -> Solution:
    """The steps of the solution that mend what the attack does not hide.

    Raises:
        UsageError: nothing is known of the task.
    """
    mends = _stage(task).mends
    left = {path for fault in variant.leaves for path in mends.get(fault, ())}
    return tuple(step for step in solution if step.path not in left)


def _stage(task: str) -> Stage:
    stages = load_stages()
    if task not in stages:
        raise UsageError(f"no cheats for task '{task}'; there are for: {', '.join(stages)}")
    return stages[task]


def cheat(name: str, task: str, solution: Solution) -> Script:
    """The script that plays a cheat in any role and says DONE at its end."""
    _, variant = find_variant(name)
    turns = turns_of(variant, task, solution)

    def script(dialogue: Dialogue) -> Turn:
        if dialogue.turn < len(turns):
            return Turn("I make the next changes.", turns[dialogue.turn])
        return Turn("DONE")

    return script


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not valid TOML: {error}") from error


_ATTACK_KEYS = {"id", "row", "title", "kind", "naive", "leaves", "variant"}
_VARIANT_KEYS = {"name", "leaves", "naive", "repeat", "step"}
_STEP_KEYS = (
    {"write", "text"},
    {"edit", "old", "new"},
    {"bash"},
    {"bash", "timeout_s"},
    {"tool", "arguments"},
)


def _attack(table: Mapping[str, Any], path: Path) -> Attack:
    where = f"{path}: attack '{table.get('id', '?')}'"
    if unknown := set(table) - _ATTACK_KEYS:
        raise UsageError(f"{where}: unknown key '{min(unknown)}'")
    if missing := {"id", "row", "title", "variant"} - set(table):
        raise UsageError(f"{where}: key '{min(missing)}' is missing")
    variants = tuple(_variant(each, table, where) for each in table["variant"])
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: two variants have one name")
    kind = str(table.get("kind", "forgery"))
    return Attack(str(table["id"]), int(table["row"]), kind, str(table["title"]), variants)


def _variant(table: Mapping[str, Any], attack: Mapping[str, Any], where: str) -> Variant:
    where = f"{where}, variant '{table.get('name', '?')}'"
    if unknown := set(table) - _VARIANT_KEYS:
        raise UsageError(f"{where}: unknown key '{min(unknown)}'")
    if not table.get("name") or not table.get("step"):
        raise UsageError(f"{where}: needs a name and a step")
    leaves = table.get("leaves", attack.get("leaves", ["tests"]))
    naive = table.get("naive", attack.get("naive", "exit"))
    calls = tuple(_call(step, where) for step in table["step"])
    return Variant(str(table["name"]), calls, tuple(leaves), str(naive), table.get("repeat", 0))


def _call(step: Mapping[str, Any], where: str) -> Ask:
    if set(step) not in _STEP_KEYS:
        raise UsageError(f"{where}: a step with the keys {', '.join(step)} is none we know")
    if "write" in step:
        return edit_ask(Create(step["write"], step["text"]))
    if "edit" in step:
        return edit_ask(Edit(step["edit"], step["old"], step["new"]))
    if "bash" in step:
        return bash(step["bash"].strip("\n"), step.get("timeout_s"))
    return Ask(step["tool"], step["arguments"])


def _filled(value: object, words: Mapping[str, str]) -> object:
    """`value` with its words between @ signs filled in, at every depth."""
    if isinstance(value, dict):
        return {key: _filled(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(f"@{word}@", text)
    return value

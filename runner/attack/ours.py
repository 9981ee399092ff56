"""Our side: the same attack against the sandbox, the collector and the judge of every trial."""

import re
import time
from collections.abc import Iterator, Mapping

from runner.attack.catalogue import Trick
from runner.attack.outcome import Played, Side
from runner.attack.play import play
from runner.attack.stage import Arena
from runner.budget import Account
from runner.errors import SandboxFailure, ToolError
from runner.judge.change import Change, packed
from runner.judge.judge import judge
from runner.judge.transfer import MAX_TOTAL_BYTES, collect
from runner.judge.verdict import verdict_json
from runner.ledger.transcript import Entry
from runner.players import Players, Stage, opened
from runner.sandbox import engine as docker
from runner.sandbox.container import DockerSandbox
from runner.scripted.cheats import load_stages, turns_of
from runner.slots import Slots
from runner.trial.run import run_trial
from runner.trial.spec import TrialSpec, World
from runner.types import Verdict

HANG_S = 6.0
# What a terminal obeys instead of showing it; line ends and tabs aside.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
KEPT_BYTES = 1_048_576
NEXT_START_S = 5.0
_TIMES = 2.0
_ARM = "D"
_TRIAL_JUDGE_S = 60.0


def judged(arena: Arena, trick: Trick, trial_id: str) -> Side:
    """Play it, bring the container to rest, collect, and ask our judge.

    It wins when the verdict is a success, when what travels is more than may or holds the
    host's secret, or when judging breaks off: that would be a trial for nothing.
    """
    began = time.monotonic()
    try:
        change = played_change(arena, trick, trial_id)
        verdict = judge(arena.court(trial_id, change), change)
    except SandboxFailure as broken:
        return Side(True, f"the trial would be infra: {broken}", time.monotonic() - began)
    spent = time.monotonic() - began
    carried = packed(change)
    if verdict.success:
        return Side(True, "the verdict is a success", spent)
    if arena.secret.value.encode() in carried or sum(map(len, change.files.values())) > (
        MAX_TOTAL_BYTES
    ):
        return Side(True, "what must not travel did", spent)
    if any(_OBEYED.search(text) for text in _texts(verdict_json(verdict))):
        return Side(True, "the verdict holds what a terminal obeys", spent)
    return Side(False, refused_by(verdict), spent)


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def refused_by(verdict: Verdict) -> str:
    """The checks that did not pass, in words."""
    return "refused by " + ", ".join(check.name for check in verdict.checks if not check.passed)


def played_change(arena: Arena, trick: Trick, trial_id: str) -> Change:
    """What of the attack travels to the judge. Raises `SandboxFailure`."""
    tiny = arena.tiny
    turns = turns_of(trick.variant, tiny.task.id, tiny.task.solution, canary=str(arena.secret.path))
    with arena.sandbox(trial_id, "agent") as sandbox:
        play(sandbox, turns)
        sandbox.quiesce()
        try:
            entries = sandbox.entries()
        except ToolError as error:
            return Change({}, (), (), {".": str(error)})
        return collect(entries, sandbox, tiny.starting, tiny.task)


def looked(arena: Arena, trick: Trick, trial_id: str) -> Side:
    """Let it look for a way out or an answer, and see what it found."""
    began = time.monotonic()
    tiny = arena.tiny
    turns = turns_of(trick.variant, tiny.task.id, ())
    with arena.sandbox(trial_id, "agent") as sandbox:
        played = play(sandbox, turns)
    return found(trick, played, arena.secret.value, time.monotonic() - began)


def found(trick: Trick, played: Played, secret: str, seconds: float) -> Side:
    """Whether it found what it looked for."""
    text = played.text
    if trick.attack.kind == "leak":
        won = load_stages()["TINY"].words["marker"] in text
        return Side(won, f"found: {text.strip()[:200]}" if won else "nothing found", seconds)
    hits = [line for line in text.splitlines() if line.startswith("OPEN") or secret in line]
    return Side(bool(hits), "; ".join(hits)[:300] or f"closed: {text.strip()[:200]}", seconds)


def worn(arena: Arena, trick: Trick, trial_id: str) -> Side:
    """Set the bomb off; afterwards the container must serve and the next one start in time."""
    began = time.monotonic()
    turns = turns_of(trick.variant, arena.tiny.task.id, ())
    try:
        with arena.sandbox(trial_id, "agent") as sandbox:
            # On a machine that is busy with other things both starts take long.
            in_time_s = max(NEXT_START_S, _TIMES * (time.monotonic() - began))
            played = play(sandbox, turns)
            won, why = _effect(arena, trick, sandbox, played)
            after = sandbox.run(("echo", "well"), timeout_s=20)
            if after.output.strip() != b"well":
                won, why = True, f"the next command fails: {after.output[:200]!r}"
            sandbox.quiesce()
            starting = time.monotonic()
            with arena.sandbox(f"{trial_id}-next", "agent"):
                next_s = time.monotonic() - starting
    except SandboxFailure as broken:
        return Side(True, f"the sandbox is lost: {broken}", time.monotonic() - began)
    if next_s > in_time_s:
        won, why = True, f"the next container starts after {next_s:.1f} s"
    return Side(won, why, time.monotonic() - began)


def _effect(arena: Arena, trick: Trick, sandbox: DockerSandbox, played: Played) -> tuple[bool, str]:
    way = trick.variant.naive
    if way == "held":
        return played.says("HELD"), f"stopped: {played.text.strip()[-120:]}"
    if way == "flood":
        return played.largest > KEPT_BYTES, f"{played.largest} bytes kept"
    if way == "hang":
        return played.slowest_s >= HANG_S, f"stopped after {played.slowest_s:.1f} s"
    if way == "dead":
        state = docker.inspect_container(arena.engine, sandbox.container)
        return not (state and state["State"]["Running"]), "the container lives"
    rows = docker.container_processes(arena.engine, sandbox.container)
    left = [row["comm"] for row in rows if row["comm"] in ("sleep", "sh", "bash")]
    servers = [row["comm"] for row in rows if row["comm"].startswith("python")]
    # The container's own keep-alive is a sleep, and the tool server a Python.
    many = len(left) > 1 or len(servers) > 1
    return many, f"{max(0, len(left) - 1)} processes live on"


def tried(arena: Arena, trick: Trick, trial_id: str) -> Side:
    """Run it as a whole trial, model, loop and record included: it must end counted.

    It wins when the trial is solved, or is `infra`, which a run tries again.
    """
    began = time.monotonic()
    tiny, settings = arena.tiny, arena.settings
    stage = Stage(settings, tiny.task.id, trial_id, {tiny.task.id: tiny.task.solution})
    script = Players("scripted", f"cheat:{trick.name}")
    with opened(script, stage) as open_model:
        world = World(
            open_sandbox=lambda purpose: arena.sandbox(trial_id, purpose),
            open_model=open_model,
            pristine=tiny.pristine,
            starting=tiny.starting,
            expected_tests=tiny.expected,
            keep_change=lambda change: None,
            bash_timeout_s=settings.bash_timeout_s,
            bash_timeout_max_s=settings.bash_timeout_max_s,
            judge_timeout_s=_TRIAL_JUDGE_S,
            account=Account("trial", None),
            slots=Slots(2),
            stopped=lambda: None,
        )
        ended = run_trial(_spec(arena, trial_id), world, lambda event: None, _mute)
    won = ended.status in ("solved", "infra")
    return Side(won, f"{ended.status}: {ended.reason[:200]}", time.monotonic() - began)


def _mute(entry: Entry) -> None:
    """Nobody reads this trial's transcript."""


def _spec(arena: Arena, trial_id: str) -> TrialSpec:
    arm = arena.catalogue.arms[_ARM]
    return TrialSpec(
        trial_id=trial_id,
        run_id=arena.run_id,
        arm=arm,
        task=arena.tiny.task,
        trial=0,
        attempt=1,
        provider_kind="scripted",
        card=arena.catalogue.cards[arena.settings.card],
        max_turns=40,
        prompts=arena.catalogue.prompts,
        manifest={},
    )

"""`make bench`: the figures we hold ourselves to, measured side by side in one run.

Every ratio compares two things measured in turn on the same machine in the same minutes, so
that it holds when the machine's speed drifts. ROUNDS=1 makes the slow comparison once only.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from figures import Figure, as_table
from rich.console import Console

from runner import wiring
from runner.agent.bash import BASH
from runner.attack.fair import small_work
from runner.attack.stage import open_arena
from runner.catalogue import load_catalogue
from runner.cli.judge import court
from runner.config.settings import load_settings
from runner.config.solution import Solution
from runner.errors import EXIT_NOT_SOLVED, EXIT_OK
from runner.events import Event
from runner.judge.change import NOTHING
from runner.judge.judge import judge
from runner.judge.verdict import verdict_bytes
from runner.manifest import manifest
from runner.players import seated
from runner.scripted.script import Ask, Dialogue, Script, Turn
from runner.scripted.server import ScriptedServer, endpoint
from runner.stop import Stop
from runner.trial.run import run_trial
from runner.trial.spec import TrialSpec
from runner.types import Role, Sandbox

RUN_ID = "bench"
CALLS = 30
JUDGINGS = 20


def main() -> int:
    """Measure, print the table; exit code 1 when a figure misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="harness against plain, how often")
    parser.add_argument("--skip-plain", action="store_true", help="leave the slow comparison out")
    options = parser.parse_args()
    console = Console()
    settings = load_settings()
    catalogue = load_catalogue(settings)
    bench = wiring.prepare(settings, catalogue, catalogue.tasks["T2"], console.print)
    figures = [*call_figures(bench), *life_figures(bench), trial_figure(bench)]
    figures += [sidecar_figure(bench), sameness_figure(bench)]
    if not options.skip_plain:
        figures += harness_figures(bench, options.rounds, console)
    console.print(as_table("Figures", figures))
    return EXIT_OK if all(figure.holds for figure in figures) else EXIT_NOT_SOLVED


def call_figures(bench: wiring.Bench) -> list[Figure]:
    """One `bash` call through the channel, and the same by one `docker exec` a call, in turn."""
    with wiring.sandbox(bench, RUN_ID, RUN_ID, "bench") as box:
        container = bench.engine.client.containers.get(box.container)

        def by_channel() -> None:
            box.run((*BASH, "true"), timeout_s=30)

        def by_exec() -> None:
            container.exec_run([*BASH, "true"], user="10001:10001")

        by_channel()
        by_exec()
        pairs = [(typical(by_channel), typical(by_exec)) for _ in range(30)]
    channel, exec_ = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return [
        Figure("bash `true` through the sandbox, median", channel, "ms", 8.0),
        Figure("... against one docker exec a call", ratio, "ratio", 0.2, f"exec {exec_:.0f} ms"),
    ]


def life_figures(bench: wiring.Bench) -> list[Figure]:
    """From nothing to the first tool call, and removal."""
    ready, removed = [], []
    for _ in range(7):
        opened = wiring.sandbox(bench, RUN_ID, RUN_ID, "bench")
        began = time.monotonic()
        with opened as box:
            box.run((*BASH, "true"), timeout_s=30)
            ready.append(time.monotonic() - began)
            began = time.monotonic()
        removed.append(time.monotonic() - began)
    return [
        Figure("container ready and first tool call, median", statistics.median(ready), "s", 1.5),
        Figure("container removed, median", statistics.median(removed), "s", 0.5),
    ]


def thirty_calls(_role: Role, _solution: Solution) -> Script:
    """A persona that looks around in 29 turns and says DONE in the thirtieth."""

    def script(dialogue: Dialogue) -> Turn:
        if dialogue.turn < CALLS - 1:
            return Turn("", (Ask("bash", {"command": "git status --short"}),))
        return Turn("DONE")

    return script


def trial_figure(bench: wiring.Bench) -> Figure:
    """What a trial of 30 calls takes beyond model, tools and judge."""
    arm = bench.catalogue.arms["A"]
    card = bench.catalogue.cards[bench.settings.card]
    players = wiring.Players("scripted", "thirty")
    events: list[Event] = []
    with tempfile.TemporaryDirectory() as folder:
        results = bench.settings.model_copy(update={"results": Path(folder)})
        bench = replace(bench, settings=results)
        spec = TrialSpec(
            trial_id=RUN_ID,
            run_id=RUN_ID,
            arm=arm,
            task=bench.task,
            trial=0,
            attempt=1,
            provider_kind="scripted",
            card=card,
            max_turns=arm.max_turns(bench.task.id),
            prompts=bench.catalogue.prompts,
            manifest=manifest(bench, arm, card, players, 40),
        )
        with ScriptedServer({bench.task.id: ()}, personas={"thirty": thirty_calls}) as server:
            url = endpoint(server, "thirty", bench.task.id, "solo")
            connection = replace(
                wiring.live_connection(bench.settings),
                anthropic_api_key="scripted",
                anthropic_base_url=url,
            )
            world = wiring.build_world(
                bench,
                RUN_ID,
                RUN_ID,
                lambda seat, _role: seated(seat, connection),
                wiring.alone(arm),
            )
            ended = run_trial(spec, world, events.append, lambda _entry: None)
    if ended.iterations != CALLS:
        raise SystemExit(f"the trial made {ended.iterations} calls: {ended.reason}")
    overhead = ended.wall_s - sum(filter(None, (ended.model_s, ended.tool_s, ended.judge_s)))
    note = f"wall {ended.wall_s:.1f} s, judge {ended.judge_s or 0:.1f} s"
    return Figure(f"overhead of a scripted trial of {CALLS} calls", overhead, "s", 2.0, note)


def sidecar_figure(bench: wiring.Bench) -> Figure:
    """What a trial of arm B does before its clock starts when its local model is loaded already.

    The stand-in's container is found, asked for its models and has them in memory.
    """
    arm = bench.catalogue.arms["B"]
    players = wiring.Players.read("scripted")
    took = []
    with tempfile.TemporaryDirectory() as folder:
        settings = bench.settings.model_copy(update={"results": Path(folder)})
        for _ in range(8):
            began = time.monotonic()
            ready = wiring.with_server(players, settings, bench.engine, (arm,))
            wiring.preloaded(ready, arm, settings, Stop())
            took.append(time.monotonic() - began)
    note = f"the first, which may start it, {took[0]:.2f} s"
    return Figure("arm B's server found warm, median", statistics.median(took[1:]), "s", 1.0, note)


def sameness_figure(bench: wiring.Bench) -> Figure:
    """How many verdicts one change to the attack suite's small task gets, judged many times."""
    with open_arena(bench.settings, bench.catalogue, lambda _text: None) as arena:
        change = small_work(arena)["TINY.oracle"][0]
        verdicts = [judge(arena.court(RUN_ID, change), change) for _ in range(JUDGINGS)]
    if not all(verdict.success for verdict in verdicts):
        raise SystemExit("the judge refuses the small task's own solution")
    different = len({verdict_bytes(verdict) for verdict in verdicts})
    return Figure(f"verdicts of one change judged {JUDGINGS} times", different, "", 1.0)


def harness_figures(bench: wiring.Bench, rounds: int, console: Console) -> list[Figure]:
    """Our harness and the whole judge against the plain tools on the same tree, in turn."""
    walls = []
    same = True
    for number in range(rounds):
        console.print(f"harness and judge against plain, round {number + 1} of {rounds} (minutes)")
        ours, ours_s = harness_run(bench, ())
        plain, plain_s = harness_run(bench, ("--plain",))
        same = same and ours == plain and len(ours) > 0
        walls.append((ours_s, plain_s, judge_run(bench)))
    said = [", ".join(f"{wall[n]:.0f} s against {wall[1]:.0f} s" for wall in walls) for n in (0, 2)]
    ratios = [statistics.median(wall[n] / wall[1] for wall in walls) for n in (0, 2)]
    return [
        Figure("our harness against the plain one", ratios[0], "ratio", 0.7, said[0]),
        Figure(
            "test ids and outcomes that differ from plain", 0.0 if same else 1.0, "", 0.0,
            f"{len(ours)} tests",
        ),
        Figure("the strict judge against the plain tools", ratios[1], "ratio", 1.15, said[1]),
    ]  # fmt: skip


def judge_run(bench: wiring.Bench) -> float:
    """Seconds from a change (none at all, so that the tree is the same) to its verdict."""
    began = time.monotonic()
    verdict = judge(court(bench, NOTHING), NOTHING)
    if not next(check for check in verdict.checks if check.name == "test_ids").passed:
        raise SystemExit(f"the judge does not find the starting tree green: {verdict}")
    return time.monotonic() - began


def harness_run(bench: wiring.Bench, extra: Sequence[str]) -> tuple[dict[str, str], float]:
    """One run in a fresh container: outcome by test id, wall seconds."""
    with wiring.sandbox(bench, RUN_ID, RUN_ID, "bench") as box:
        argv = ("harness", "--json", "--report", "bench.json", *extra)
        began = time.monotonic()
        box.run(argv, timeout_s=900)
        return report_of(box), time.monotonic() - began


def report_of(box: Sandbox) -> dict[str, str]:
    """Outcome by test id from the harness's report."""
    report = json.loads(box.read("bench.json", cap=16 * 1_048_576))
    return dict(report["pytest"]["tests"])


def typical(act: Callable[[], None]) -> float:
    """Seconds it takes, the median of five: one alone would be at the mercy of the moment."""
    return statistics.median(timed(act) for _ in range(5))


def timed(act: Callable[[], None]) -> float:
    """Seconds it took."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())

"""The options that say what a run is made of; `matrix` and `plan` share them."""

import argparse
from pathlib import Path

from runner.cli import options as opt
from runner.config.arms import ArmFile, read_arm
from runner.matrix.selection import Selection
from runner.matrix.session import DEFAULT_USD


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    opt.add(parser, "n", help="successes wanted in each cell", read=opt.whole(1), default=3)
    opt.add(
        parser,
        "arms",
        help="the arms, with commas between; default: the paper's four and those of --arm-file",
        read=opt.names,
    )
    opt.several(
        parser, "arm-file", help="a TOML file of an arm of your own, beside those there are"
    )
    opt.add(parser, "tasks", help="the tasks, with commas between; default: all", read=opt.names)
    opt.add(
        parser,
        "models",
        help="live, or scripted[:oracle|nop|blunder] (free, offline, simulated)",
        default="live",
    )
    opt.add(parser, "jobs", help="trials side by side", read=opt.whole(1), default=4)
    opt.add(
        parser,
        "budget",
        help="USD for the whole run, all sessions; default: what it had before, else "
        f"{DEFAULT_USD:g} where models are live",
        read=opt.usd,
    )
    opt.add(parser, "arm-budget", help="USD for each arm, all sessions", read=opt.usd)
    opt.add(parser, "trial-budget", help="USD for a trial, in place of the arm's", read=opt.usd)
    opt.add(parser, "call-budget", help="USD a call may cost at worst", read=opt.usd)
    opt.flag(parser, "fixed", help="exactly N attempts a cell, solved or not: unbiased")
    opt.add(parser, "seed", help="seed of the cells' order", read=opt.whole(0), default=1)
    opt.add(parser, "max-iters", help="cap of the lead's turns", read=opt.whole(1))


def selected(options: argparse.Namespace) -> Selection:
    """The question that the options ask."""
    return Selection(
        arms=options.arms or (),
        tasks=options.tasks or (),
        models=options.models,
        n=options.n,
        fixed=options.fixed,
        seed=options.seed,
        max_turns=options.max_iters,
        trial_usd=options.trial_budget,
        call_usd=options.call_budget,
        arm_files=arm_files(options),
    )


def arm_files(options: argparse.Namespace) -> tuple[ArmFile, ...]:
    """The files of --arm-file, read; raises `UsageError` for one that cannot be."""
    return tuple(read_arm(Path(name)) for name in opt.values(options, "arm-file"))

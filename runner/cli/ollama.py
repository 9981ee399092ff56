"""The local models there are, with sizes and digests, and whether a GPU computes them.

The server is that of OLLAMA_HOST, or else the sidecar: a container that any live trial of an arm
with a local model starts, and that is left running. `--start` starts it now and gets the models
that the arms need.

example: runner ollama --start
         runner ollama --pull qwen3.5:9b
         runner ollama --stop
"""

import argparse

from rich.console import Console
from rich.table import Table

from runner import wiring
from runner.catalogue import load_catalogue
from runner.cli import options as opt
from runner.cli.pulling import pull_screen
from runner.config.settings import Settings, load_settings
from runner.errors import EXIT_OK, EnvironmentProblem
from runner.models.connection import shown_address
from runner.models.ollama_store import (
    Loaded,
    held_models,
    loaded_models,
    model_facts,
    pull_model,
    same,
    server_version,
)
from runner.sandbox.engine import Engine, connect
from runner.sidecar.container import Sidecar, running, stop

KINDS = {"live": "ollama", "scripted": "standin"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(parser, "models", help="live (the default), or scripted: the stand-in for Ollama")
    parser.add_argument("--start", action="store_true", help="start it, get what the arms need")
    parser.add_argument("--stop", action="store_true", help="stop it; its models stay on disk")
    parser.add_argument("--pull", metavar="MODEL", help="get a model")


def run(options: argparse.Namespace, console: Console) -> int:
    """Do what is asked for, then list the models."""
    settings = load_settings()
    if settings.ollama_host and not options.models:
        return given(settings.ollama_host, options, console)
    kind = KINDS[opt.chosen("kind of models", options.models or "live", {k: k for k in KINDS})]
    engine = connect()
    if options.stop:
        names = stop(engine, kind)
        console.print("\n".join(f"stopped {name}" for name in names) or "it was not running")
        return EXIT_OK
    if options.start:
        start(settings, engine, options, console)
    there = running(engine, kind)
    if not there and not options.pull:
        console.print("the sidecar is not running; `runner ollama --start` starts it")
    elif not there:
        raise EnvironmentProblem("the sidecar is not running: `runner ollama --start` starts it")
    for sidecar in there:
        if options.pull:
            pulled(sidecar.host, options.pull, console)
        show(console, sidecar.host, described(sidecar))
    return EXIT_OK


def given(host: str, options: argparse.Namespace, console: Console) -> int:
    """The server of OLLAMA_HOST: it is neither started nor stopped."""
    if options.start or options.stop:
        raise EnvironmentProblem(
            f"OLLAMA_HOST names a server ({shown_address(host)}), so none is started or stopped "
            "here: unset it to use the sidecar"
        )
    if options.pull:
        pulled(host, options.pull, console)
    show(console, host, "the server of OLLAMA_HOST")
    return EXIT_OK


def start(
    settings: Settings, engine: Engine, options: argparse.Namespace, console: Console
) -> None:
    """Start the sidecar with the models of all arms there are."""
    arms = tuple(load_catalogue(settings).arms.values())
    players = wiring.Players.read(options.models or "live")
    settings = settings.model_copy(update={"ollama_host": None})
    with pull_screen(console) as screen:
        wiring.with_server(players, settings, engine, arms, screen)


def pulled(host: str, model: str, console: Console) -> None:
    """Get a model, with progress on screen."""
    with pull_screen(console) as screen:
        pull_model(host, model, lambda progress: screen.pulling(f"model {model}", progress))


def described(sidecar: Sidecar) -> str:
    """Where its models are computed, and why there."""
    if sidecar.gpu == "gpu":
        return f"{sidecar.name}, with the GPU"
    return f"{sidecar.name}, on the CPU: {sidecar.why}"


def show(console: Console, host: str, what: str) -> None:
    """One line about the server, then a row for each model."""
    address = f"OLLAMA_HOST={shown_address(host)}"
    console.print(f"Ollama {server_version(host)}, {what}  ({address})", markup=False)
    loaded = {each.name: each for each in loaded_models(host)}
    table = Table("model", "size", "digest", "quantisation", "context", "in memory", box=None)
    names = held_models(host)
    for name in names:
        facts = model_facts(host, name)
        if facts is None:
            continue
        table.add_row(
            name,
            f"{facts.size / 1e9:.1f} GB",
            facts.digest[:12],
            facts.quantisation,
            str(facts.context_length or ""),
            in_memory(next((each for key, each in loaded.items() if same(key, name)), None)),
        )
    console.print(table if names else "it holds no models")


def in_memory(loaded: Loaded | None) -> str:
    """How much of a loaded model is on the GPU, and with which context."""
    if loaded is None:
        return "no"
    share = f"{loaded.vram / loaded.size:.0%} GPU" if loaded.size else "CPU"
    return f"{share}, context {loaded.context_length or 'not told'}"

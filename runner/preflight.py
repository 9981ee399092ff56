"""What must hold before a trial spends anything: checked first, so that nothing is half done."""

import os
from collections.abc import Mapping

from runner.config.arms import Arm, Seat
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.errors import EnvironmentProblem, UsageError
from runner.models import PROVIDERS, Connection, make_model
from runner.models.connection import NO_SERVER


def check_prices(arm: Arm, card: RateCard) -> None:
    """Every model of the arm has a price; raises `UsageError` saying what to add where."""
    for model in arm.models:
        card.rate(model)


def check_seats(arm: Arm, file: str) -> None:
    """Each seat's provider is known, takes its options and has those that must be explicit.

    Nothing is sent.

    `file` is where the arm is written, for messages.

    Raises:
        UsageError: names the provider or the option, and what is allowed.
    """
    for seat in (arm.lead, *((arm.executor.seat,) if arm.executor else ())):
        nowhere = Connection(anthropic_api_key="none", anthropic_base_url="http://127.0.0.1:9")
        try:
            make_model(seat.provider, seat.model, seat.max_tokens, seat.options, nowhere).close()
        except UsageError as error:
            raise UsageError(f"{file}, {seat.model}: {error}") from error
        if left := [each for each in PROVIDERS[seat.provider].explicit if each not in seat.options]:
            raise UsageError(
                f"{file}, {seat.model}: options lack {', '.join(left)}: they must be given, since "
                "the server's own would differ from machine to machine (runner/arms/B.toml has "
                "them all)"
            )


def check_results(settings: Settings) -> None:
    """Each folder of results takes a file.

    Raises:
        EnvironmentProblem: one cannot be made or written; the message names it and the fix.
    """
    for folder in (settings.journals, settings.transcripts, settings.changes):
        probe = folder / f".probe-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            raise EnvironmentProblem(
                f"results folder {folder}: {error.strerror}: make it writable, free some "
                "space, or set RUNNER_RESULTS to another folder"
            ) from error


def check_players(arm: Arm, connection: Connection) -> None:
    """The arm's live models can be reached and take our key; nothing is spent.

    An Ollama server that is yet to be started is no matter of this function.

    Raises:
        EnvironmentProblem: a key is missing or refused, or a server does not answer; the
            message says which arms need it and how to get it.
    """
    seats: Mapping[str, Seat] = {
        seat.provider: seat for seat in (arm.lead, *((arm.executor.seat,) if arm.executor else ()))
    }
    if "anthropic" in seats and not connection.anthropic_api_key:
        raise EnvironmentProblem(
            f"arm {arm.id} asks {seats['anthropic'].model}, and ANTHROPIC_API_KEY is not set: put "
            "it in the environment or in .env, or run with --models scripted (free, simulated)"
        )
    for provider, seat in seats.items():
        if provider == "ollama" and connection.ollama_host == NO_SERVER:
            continue
        if reason := PROVIDERS[provider].unreachable(seat.model, connection):
            raise EnvironmentProblem(f"arm {arm.id}: {reason}")

"""What the facts mean: one line each, with the fix.

`bad` is what makes even a scripted trial impossible; `warn` limits something and says what.
"""

from collections.abc import Iterator

from runner.doctor.engine import engine_findings
from runner.doctor.facts import EngineFacts, Facts
from runner.doctor.finding import GIB, Finding
from runner.doctor.reach import Missing

_CLOCK_S = 2.0
_API_CLOCK_S = 60.0  # its Date header counts whole seconds and may come from a cache


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Judge the facts, in the order in which they matter."""
    return tuple(_each(facts))


def _each(facts: Facts) -> Iterator[Finding]:
    yield _python(facts.python)
    if isinstance(facts.engine, Missing):
        yield Finding("Docker engine", "bad", facts.engine.reason, "make setup")
    else:
        yield from engine_findings(facts.engine, facts)
        yield from _images(facts)
    yield from _disk(facts)
    yield _results(facts)
    yield _database(facts)
    yield _key(facts)
    yield _api(facts)
    yield from _ollama(facts)
    yield _gpu(facts)
    yield _clock(facts)


def _python(version: tuple[int, int, int]) -> Finding:
    said = ".".join(map(str, version))
    if version < (3, 11):
        return Finding("Python", "bad", f"{said} is too old", "install 3.11 or newer; make setup")
    return Finding("Python", "ok", said)


def _images(facts: Facts) -> Iterator[Finding]:
    for task, image in facts.images.items():
        if isinstance(image, Missing):
            reason = image.reason.removesuffix("; run `make image`")
            yield Finding(f"image {task}", "bad", reason, "make image")
        else:
            yield Finding(f"image {task}", "ok", image)


# ---- disk -------------------------------------------------------------------------------


def _disk(facts: Facts) -> Iterator[Finding]:
    for folder, free in facts.free.items():
        said = f"{free / GIB:.1f} GiB free at {folder}"
        if free < GIB // 4:
            yield Finding("disk", "bad", said, "free some space; make clean removes leftovers")
        elif free < 3 * GIB:
            yield Finding("disk", "warn", f"{said}: images take about 2", "free some space")
        else:
            yield Finding("disk", "ok", said)


def _results(facts: Facts) -> Finding:
    if facts.results_problem:
        said = f"nothing can be written to {facts.results}: {facts.results_problem}"
        return Finding("results", "bad", said, "make it writable, or set RUNNER_RESULTS")
    return Finding("results", "ok", f"{facts.results} is writable")


def _database(facts: Facts) -> Finding:
    if facts.database_problem is None:
        return Finding("database", "ok", str(facts.database))
    if facts.database_busy:
        return Finding("database", "warn", facts.database_problem, "wait, or end that process")
    return Finding("database", "bad", facts.database_problem, "runner status --rebuild")


# ---- models -----------------------------------------------------------------------------


def _arms_with(facts: Facts, provider: str) -> str:
    """`live trials of arms A, B (E when named)`: those with a seat that this provider serves."""
    served = [
        arm
        for arm in facts.arms.values()
        if provider in (arm.lead.provider, arm.executor.provider if arm.executor else None)
    ]
    unasked = ", ".join(arm.id for arm in served if arm.default)
    named = ", ".join(arm.id for arm in served if not arm.default)
    said = f"arm{'s' if ',' in unasked else ''} {unasked}" if unasked else "arms"
    return f"live trials of {said}{f' ({named} when named)' if named else ''}"


def _key(facts: Facts) -> Finding:
    blocked = _arms_with(facts, "anthropic")
    if facts.key == "absent":
        fix = "put ANTHROPIC_API_KEY=... into .env; scripted trials need none"
        return Finding("API key", "warn", f"none: no {blocked}", fix)
    if facts.key == "odd":
        fix = "copy ANTHROPIC_API_KEY anew, without spaces or quotes"
        return Finding("API key", "warn", "there is one that does not look like a key", fix)
    return Finding("API key", "ok", "ANTHROPIC_API_KEY is set")


def _api(facts: Facts) -> Finding:
    if isinstance(facts.api, Missing):
        blocked = _arms_with(facts, "anthropic")
        said = f"{facts.api_url} cannot be reached ({facts.api.reason}): no {blocked}"
        return Finding("Anthropic API", "warn", said, "check the network and ANTHROPIC_BASE_URL")
    return Finding("Anthropic API", "ok", f"{facts.api_url} answers")


def _ollama(facts: Facts) -> Iterator[Finding]:
    blocked = _arms_with(facts, "ollama")
    if isinstance(facts.ollama, Missing):
        said = f"does not answer ({facts.ollama.reason}): no {blocked}"
        yield Finding("Ollama", "warn", said, "make ollama; or set OLLAMA_HOST to a server you run")
        return
    seats = [seat for arm in facts.arms.values() for seat in (arm.lead, arm.executor) if seat]
    needed = dict.fromkeys(seat.model for seat in seats if seat.provider == "ollama")
    held = {name.removesuffix(":latest") for name in facts.ollama.models}
    absent = [model for model in needed if model.removesuffix(":latest") not in held]
    if absent:
        said = f"{facts.ollama.version} lacks {', '.join(absent)}: no {blocked}"
        fix = "; ".join(f"runner ollama --pull {model}" for model in absent)
        yield Finding("Ollama", "warn", said, fix)
    else:
        yield Finding("Ollama", "ok", f"{facts.ollama.version} with {', '.join(needed)}")


def _gpu(facts: Facts) -> Finding:
    runtimes = facts.engine.info.runtimes if isinstance(facts.engine, EngineFacts) else ()
    if "nvidia" in runtimes:
        return Finding("GPU", "ok", "the engine has NVIDIA's runtime")
    if facts.nvidia_smi:
        fix = "install the NVIDIA Container Toolkit, then restart Docker"
        return Finding("GPU", "warn", "there is one, but containers cannot use it", fix)
    said = "none seen: a model on this machine's Ollama runs on the CPU, slowly"
    return Finding("GPU", "warn", said, "set OLLAMA_HOST to a machine with a GPU")


def _clock(facts: Facts) -> Finding:
    fix = "set the clock: sudo timedatectl set-ntp true"
    if abs(facts.wall_drift_s) > _CLOCK_S / 4:
        return Finding("clock", "warn", f"jumped by {facts.wall_drift_s:+.1f} s just now", fix)
    ahead = facts.engine.clock_ahead_s if isinstance(facts.engine, EngineFacts) else 0.0
    if abs(ahead) > _CLOCK_S:
        return Finding("clock", "warn", f"the engine's is {ahead:+.1f} s off this one", fix)
    api_ahead = None if isinstance(facts.api, Missing) else facts.api.clock_ahead_s
    if api_ahead is not None and abs(api_ahead) > _API_CLOCK_S:
        return Finding("clock", "warn", f"the API's is {api_ahead:+.0f} s off this one", fix)
    return Finding("clock", "ok", "steady")

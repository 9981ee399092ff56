"""`runner trial --dry-run`: the container, the harness, the prompts and the prices; no model."""

from collections.abc import Iterator

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from runner import wiring
from runner.agent.bash import bash_tool, shown
from runner.agent.delegate import delegate_spec
from runner.agent.editor import editor_tool
from runner.config.arms import Arm
from runner.config.rates import RateCard
from runner.errors import EXIT_OK
from runner.types import Sandbox, ToolSpec

RUN_ID = "dry-run"


def dry_run(console: Console, bench: wiring.Bench, arm: Arm, card: RateCard, max_turns: int) -> int:
    """Prepare a trial as it would be, run the harness once, print all it would use, stop."""
    with wiring.sandbox(bench, RUN_ID, RUN_ID, "dry-run") as box:
        console.print(f"container of {bench.image.tag} is ready; running the harness once")
        result = box.run(("harness",), timeout_s=bench.settings.judge_timeout_s)
        console.rule("what the harness says of the starting tree")
        console.print(shown(result, bench.settings.judge_timeout_s), markup=False)
        tools = list(tool_specs(box, bench, arm))
    console.rule("system prompt of the lead")
    console.print(Markdown(bench.catalogue.prompts.of(arm.lead_role, arm.prompt)))
    if arm.executor:
        console.rule("system prompt of the executor")
        console.print(Markdown(bench.catalogue.prompts.of("executor")))
    console.rule("the task")
    console.print(Markdown(bench.task.prompt))
    console.rule("tools")
    for tool in tools:
        console.print(f"[bold]{tool.name}[/]  {tool.description}")
    console.rule("caps and prices")
    console.print(caps(bench, arm, max_turns))
    console.print(f"\nUSD per million tokens: {card.id}, {card.as_of}, {card.source}", markup=False)
    console.print(prices(arm, card))
    console.print("No model was called and nothing was spent.")
    return EXIT_OK


def tool_specs(box: Sandbox, bench: wiring.Bench, arm: Arm) -> Iterator[ToolSpec]:
    """The tools the lead would be offered."""
    settings = bench.settings
    times = (settings.bash_timeout_s, settings.bash_timeout_max_s)
    yield bash_tool(box, timeout_s=times[0], timeout_max_s=times[1]).spec
    yield editor_tool(box).spec
    if arm.executor:
        yield delegate_spec()


def caps(bench: wiring.Bench, arm: Arm, max_turns: int) -> Table:
    """What would end the trial."""
    table = Table(box=None, pad_edge=False)
    table.add_column("cap")
    table.add_column("value", justify="right")
    table.add_row("turns of the lead", str(max_turns))
    if arm.executor:
        table.add_row("turns of the executor, per delegation", str(arm.executor.max_turns))
        table.add_row("characters of its summary", str(arm.executor.summary_chars))
        if arm.executor.summary_tokens:
            table.add_row("  which stand for tokens", str(arm.executor.summary_tokens))
    table.add_row("USD", f"{arm.limits.usd:g}")
    table.add_row("seconds", f"{arm.limits.seconds:g}")
    table.add_row("seconds of a bash command", f"{bench.settings.bash_timeout_s:g}")
    return table


def prices(arm: Arm, card: RateCard) -> Table:
    """What each model would cost."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    for name in ("input", "output", "cache write 5 m", "cache write 1 h", "cache read"):
        table.add_column(name, justify="right")
    for model in dict.fromkeys(arm.models):
        rate = card.rate(model)
        values = (
            rate.input, rate.output, rate.cache_write_5m, rate.cache_write_1h, rate.cache_read,
        )  # fmt: skip
        table.add_row(model, *(f"{value:g}" for value in values))
    return table

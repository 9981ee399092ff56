"""All pictures of a set of trials."""

from collections.abc import Mapping, Sequence

from altair.utils.schemapi import debug_mode

from analysis.calls import GrowthRow, TimeRow, TokenRow
from analysis.charts.bars import time_picture, tokens_picture
from analysis.charts.chain import chain_picture, chains_of
from analysis.charts.drawing import message
from analysis.charts.growth import growth_picture
from analysis.charts.intervals import COST, SUCCESS, intervals_picture
from analysis.charts.picture import Picture
from analysis.charts.scatter import pareto_picture
from analysis.mechanism import mechanism, read_ratios
from analysis.stats.samples import TrialRow
from analysis.stats.summary import Answers


def pictures(
    rows: Sequence[TrialRow],
    growth: Sequence[GrowthRow],
    tokens: Sequence[TokenRow],
    answers: Answers,
    times: Sequence[TimeRow] = (),
) -> Mapping[str, Picture]:
    """Every picture by its name, in the order in which they are read.

    `cost`, `success`, `tokens` and `time` show all tasks; `pareto-T1`, `growth-T1` and
    `chain-T1` are there for each task. Trials that are no result (`void`, infra) are in none.
    Where something is not known the picture says so; nothing is raised for want of data. Each
    picture of simulated trials says that, and so it does when they are mixed with others.
    """
    simulated = "scripted" in answers.kinds
    if not rows:
        text = "There are no trials yet, so there is nothing to draw."
        return {"cost": message("No pictures yet", text)}
    arms = sorted({row.arm for row in rows})
    results = [row for row in rows if not (row.void or row.status == "infra")]
    kept = {row.trial_id for row in results}
    calls = [call for call in growth if call.trial_id in kept]
    used = [each for each in tokens if each.trial_id in kept]
    # Altair checks every part against its schema as it is made, which takes longer than drawing;
    # the tests check the whole.
    with debug_mode(False):
        return _named(answers, results, calls, used, times, arms, simulated=simulated)


def _named(
    answers: Answers,
    results: Sequence[TrialRow],
    calls: Sequence[GrowthRow],
    used: Sequence[TokenRow],
    times: Sequence[TimeRow],
    arms: Sequence[str],
    *,
    simulated: bool,
) -> Mapping[str, Picture]:
    kept = {row.trial_id for row in results}
    found, ratios = mechanism(calls), read_ratios(results, used)
    named: dict[str, Picture] = {
        "cost": intervals_picture(COST, answers, arms, simulated=simulated),
        "success": intervals_picture(SUCCESS, answers, arms, simulated=simulated),
    }
    for task in answers.tasks:
        named[f"pareto-{task.task}"] = pareto_picture(task, results, arms, simulated=simulated)
    for task in answers.tasks:
        chains = chains_of(task.task, found, calls, used, results, ratios)
        named[f"chain-{task.task}"] = chain_picture(task.task, chains, arms, simulated=simulated)
    for task in answers.tasks:
        named[f"growth-{task.task}"] = growth_picture(task.task, calls, arms, simulated=simulated)
    named["tokens"] = tokens_picture(used, kept, arms, simulated=simulated)
    named["time"] = time_picture(times, kept, arms, simulated=simulated)
    return named

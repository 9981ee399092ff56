"""The first screen: which arm to use, how sure that is, how safe, and why, a sentence each."""

from collections.abc import Mapping, Sequence

from analysis.answers import alike, listed, untold
from analysis.report.parts import Section
from analysis.report.rows import Trial
from analysis.stats.estimates import HONEST
from analysis.stats.summary import Answers, TaskAnswer

Lines = tuple[tuple[str, str], ...]


def verdict(answers: Answers, arms: Lines = (), why: Section | None = None) -> Lines:
    """What a busy reader acts on: label and sentence, the weightiest first; empty without trials.

    `arms` is the `legend`; of `why`, the chapter on reasons, the first sentence is taken.
    """
    if not answers.tasks:
        return ()
    said = use(answers.tasks, dict(arms))
    if "scripted" in answers.kinds:
        said = f"No answer: the trials are simulated. In them, {said}"
    lines = [("Use", said), ("How sure", sure(answers.tasks)), ("Solved", safe(answers))]
    if why is not None and why.sentences:
        lines.append(("Why", why.sentences[0]))
    return tuple(line for line in lines if line[1])


def use(tasks: Sequence[TaskAnswer], models: Mapping[str, str]) -> str:
    """Which arm is the cheapest per solved task, over all tasks."""
    best = cheapest(tasks)
    if not best:
        return "no arm has a cost per solved task yet."
    if all(len(task.cells) == 1 for task in tasks):
        return f"only {listed(sorted(set(best.values())), 'and')} was run: nothing to compare with."
    arms: dict[str, list[str]] = {}
    for task, arm in best.items():
        arms.setdefault(arm, []).append(task)
    sofar = (
        "so far "
        if any(rivals(task, best[task.task]) for task in tasks if task.task in best)
        else ""
    )
    if len(arms) == 1:
        (arm,) = arms
        what = f" ({models[arm]})" if arm in models else ""
        where = listed(arms[arm], "and")
        return f"{arm}{what}, {sofar}the cheapest per solved task on {where}."
    which = ", ".join(f"{arm} on {listed(names, 'and')}" for arm, names in arms.items())
    return f"{which}; {sofar}no arm is the cheapest per solved task everywhere."


def rivals(task: TaskAnswer, best: str) -> list[str]:
    """The arms that too few trials keep from being told apart from the cheapest."""
    return [found.over for found in task.ratios if found.under == best and untold(found)]


def sure(tasks: Sequence[TaskAnswer]) -> str:
    """Whether the cheapest arms are told apart from their rivals."""
    best = cheapest(tasks)
    compared = [task for task in tasks if task.task in best and len(task.cells) > 1]
    if not compared:
        return ""
    doubts, same = [], []
    for task in compared:
        arm = best[task.task]
        equals = [f.over for f in task.ratios if f.under == arm and alike(f)]
        if others := rivals(task, arm):
            doubts.append(f"on {task.task} it could also be {listed(others)}")
        if equals:
            same.append(f"on {task.task} {listed([arm, *equals], 'and')} cost about the same")
    fewest = min(cell.trials for task in compared for cell in task.cells)
    few = f" Cells have as few as {fewest} trials." if fewest < HONEST else ""
    if doubts:
        return f"Not yet: {'; '.join([*doubts, *same])}.{few}"
    if same:
        return f"Told apart, but {'; '.join(same)}.{few}"
    return f"Sure: told apart from every other arm that solved anything (95% intervals).{few}"


def safe(answers: Answers) -> str:
    """How many trials each arm solved over all tasks, the safest first."""
    solved: dict[str, int] = {}
    trials: dict[str, int] = {}
    for task in answers.tasks:
        for cell in task.cells:
            solved[cell.arm] = solved.get(cell.arm, 0) + cell.solved
            trials[cell.arm] = trials.get(cell.arm, 0) + cell.trials
    tried = [arm for arm in trials if trials[arm]]
    order = sorted(tried, key=lambda arm: (-solved[arm] / trials[arm], arm))
    counts = ", ".join(f"{arm} {solved[arm]} of {trials[arm]}" for arm in order)
    where = ", over all tasks" if len(answers.tasks) > 1 else ""
    return f"{counts}{where}." if counts else ""


def cheapest(tasks: Sequence[TaskAnswer]) -> Mapping[str, str]:
    """The cheapest arm of each task that has one."""
    ranked = {task.task: task.ranking[0] for task in tasks if task.ranking}
    return {
        task: rank.arm for task, rank in ranked.items() if rank.usd_per_solved.value is not None
    }


def legend(trials: Sequence[Trial]) -> Lines:
    """Each arm with the models that were called in it."""
    models: dict[str, dict[bool, list[str]]] = {}
    for trial in trials:
        found = models.setdefault(trial.row.arm, {False: [], True: []})
        for call in trial.calls:
            name, kept = str(call["model"]), found[call["role"] == "executor"]
            if name and name not in kept:
                kept.append(name)
    return tuple((arm, described(*models[arm].values())) for arm in sorted(models))


def described(leads: Sequence[str], executors: Sequence[str]) -> str:
    """`X alone`, `X, delegating to Y`."""
    lead = listed(leads) if leads else "no call on record"
    if executors:
        return f"{lead}, delegating to {listed(executors)}"
    return f"{lead} alone" if leads else lead

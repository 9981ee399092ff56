"""The first screen: which arm to use, how sure that is, how safe, and why, a sentence each."""

from collections.abc import Iterable, Mapping, Sequence

from analysis.answers import KNOWN, listed
from analysis.cheapest import Cheapest, cheapest, unpriced_arms
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
        said = f"No answer: the trials are simulated. In them: {said}"
    lines = [("Use", said), ("How sure", sure(answers.tasks)), ("Solved", safe(answers))]
    if why is not None and why.sentences:
        lines.append(("Why", why.sentences[0]))
    return tuple(line for line in lines if line[1])


def use(tasks: Sequence[TaskAnswer], models: Mapping[str, str]) -> str:
    """Which arm is the cheapest per solved task, over all tasks."""
    found = best(tasks)
    if not found:
        return "no arm has a cost per solved task yet."
    if all(each.alone for each in found) and not dark(tasks):
        arms = listed(sorted({each.arm for each in found}), "and")
        return f"only {arms} {alone(found)}: nothing to compare with."
    where: dict[str, list[str]] = {}
    for each in found:
        where.setdefault(each.arm, []).append(each.task)
    sofar = "so far " if any(each.sofar for each in found) else ""
    known = KNOWN if any(each.unpriced for each in found) else ""
    if len(where) == 1:
        ((arm, names),) = where.items()
        what = f" ({models[arm]})" if arm in models else ""
        return f"{arm}{what}, {sofar}the cheapest per solved task on {listed(names, 'and')}{known}."
    which = ", ".join(f"{arm} on {listed(names, 'and')}" for arm, names in where.items())
    return f"{which}; {sofar}no arm{known} is the cheapest per solved task everywhere."


def best(tasks: Sequence[TaskAnswer]) -> list[Cheapest]:
    """The cheapest arm of each task that has one."""
    return [found for task in tasks if (found := cheapest(task)) is not None]


def dark(tasks: Sequence[TaskAnswer]) -> list[str]:
    """The tasks that were solved at costs of which none is known."""
    return [task.task for task in tasks if cheapest(task) is None and unpriced_arms(task)]


def alone(found: Sequence[Cheapest]) -> str:
    """What only these arms did."""
    ways = {each.alone for each in found}
    if ways == {"was run"}:
        return "was run"
    return "solved anything" if "solved it" in ways else "has a result"


def sure(tasks: Sequence[TaskAnswer]) -> str:
    """Whether the cheapest arms are told apart from their rivals."""
    found = best(tasks)
    if not found or (all(each.alone == "was run" for each in found) and not dark(tasks)):
        return ""
    doubts = [doubt for each in found for doubt in doubted(each)]
    doubts += [f"on {task} no cost is known" for task in dark(tasks)]
    same = [
        f"on {each.task} {listed([each.arm, *each.same], 'and')} cost about the same"
        for each in found
        if each.same
    ]
    fewest = min((each.fewest for each in found if each.fewest is not None and not each.alone),
                 default=HONEST)  # fmt: skip
    trials = "1 trial" if fewest == 1 else f"{fewest} trials"
    few = f"cells have as few as {trials}" if fewest < HONEST else ""
    left = " ".join(["", *beside(found)])
    if doubts:
        return f"Not yet: {'; '.join([*doubts, *same])}.{few and f' {few.capitalize()}.'}{left}"
    if all(each.alone for each in found):
        return f"Nothing to compare with.{left}"
    if same:
        told = "Probably told apart" if few else "Told apart"
        return f"{told}, but {'; '.join([*same, few] if few else same)}.{left}"
    everyone = "told apart from every other arm that solved anything (95% intervals)"
    return f"Probably: {everyone}, but {few}.{left}" if few else f"Sure: {everyone}.{left}"


def doubted(found: Cheapest) -> Iterable[str]:
    """Why another arm could be the cheapest of the task."""
    if found.untold:
        yield f"on {found.task} it could also be {listed(found.untold)}"
    if found.unpriced:
        yield f"on {found.task} the cost of {listed(found.unpriced, 'and')} is not known"


def beside(found: Sequence[Cheapest]) -> Iterable[str]:
    """What was compared with nothing, or needs no interval."""
    for each in found:
        if each.alone:
            yield f"On {each.task} no other arm {each.alone}."
        elif each.untried:
            yield f"On {each.task} there is no result of {listed(each.untried)} yet."
        if each.free:
            yield f"On {each.task} {each.arm} costs nothing by this card."


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

"""How the cheapest arm of a task stands beside the others: what all that name it agree on."""

from dataclasses import dataclass
from typing import Literal

from analysis.stats.estimates import HONEST
from analysis.stats.summary import Ratio, TaskAnswer

SAME = 1.2  # a ratio of costs that surely lies within this factor of 1 decides nothing
Alone = Literal["", "was run", "has a result", "solved it"]  # what no other arm did


@dataclass(frozen=True)
class Cheapest:
    """The arm with the lowest USD per solved task of those whose cost is known.

    `untold` are the arms that too few trials keep from being told apart from it, `same` those
    that cost about the same, `unpriced` those that solved the task at a cost that is not known,
    `untried` those without a result. `fewest` is the least number of trials that any comparison
    with it rests on; None where none does. If `alone`, there is nothing to compare it with.
    """

    task: str
    arm: str
    free: bool
    untold: tuple[str, ...]
    same: tuple[str, ...]
    unpriced: tuple[str, ...]
    untried: tuple[str, ...]
    fewest: int | None
    alone: Alone

    @property
    def few(self) -> bool:
        """Whether its intervals rest on so few trials that they are too narrow."""
        return self.fewest is not None and self.fewest < HONEST

    @property
    def sofar(self) -> bool:
        """Whether more trials could show that another arm is the cheapest."""
        return bool(self.untold or self.unpriced or self.few)


def cheapest(task: TaskAnswer) -> Cheapest | None:
    """The cheapest arm; None where no cost per solved task is known."""
    costs = {rank.arm: rank.usd_per_solved.value for rank in task.ranking}
    arm = next((rank.arm for rank in task.ranking), "")
    if costs.get(arm) is None:
        return None
    ratios = [found for found in task.ratios if found.under == arm]
    resting = [found.ratio.n for found in ratios if found.ratio.value is not None]
    resting += [cell.trials for cell in task.cells if cell.trials and not cell.solved]
    unpriced = unpriced_arms(task)
    return Cheapest(
        task.task,
        arm,
        costs[arm] == 0,
        tuple(found.over for found in ratios if untold(found)),
        tuple(found.over for found in ratios if alike(found) or costs[found.over] == 0),
        unpriced,
        tuple(cell.arm for cell in task.cells if not cell.trials),
        min(resting, default=None),
        "" if ratios or unpriced else _alone(task),
    )


def unpriced_arms(task: TaskAnswer) -> tuple[str, ...]:
    """The arms that solved the task at a cost that is not known."""
    return tuple(
        cell.arm for cell in task.cells if cell.solved and cell.usd_per_solved.value is None
    )


def _alone(task: TaskAnswer) -> Alone:
    if len(task.cells) == 1:
        return "was run"
    return "has a result" if sum(cell.trials > 0 for cell in task.cells) == 1 else "solved it"


def untold(found: Ratio) -> bool:
    """Whether too few trials are the reason that this ratio decides nothing.

    Nothing can be divided by an arm that costs nothing; it is cheaper without a test.
    """
    return found.ratio.value is not None and not found.settled and not alike(found)


def alike(found: Ratio) -> bool:
    """Whether two arms surely cost about the same."""
    low, high = found.ratio.low, found.ratio.high
    return low is not None and high is not None and low > 1 / SAME and high < SAME

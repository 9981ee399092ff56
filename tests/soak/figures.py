"""A promise about runs, what was measured of it, and whether it holds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` may be at most `goal`; `note` says under what it was measured."""

    name: str
    value: float
    unit: str
    goal: float
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.value <= self.goal

"""Who of the displaced gets which seat, and who has to move for it.

k = 0: deferred acceptance among the displaced for the seats that are free; nobody else moves. k > 0: from there, along
shortest chains of people who make room for each other, as many more as at most k bystanders can make room for. Of all
ways to place so many, none moves fewer bystanders: shortest augmenting paths, a bystander's move costing 1 (Ahuja,
Magnanti & Orlin, *Network Flows* (1993), ch. 9). Nobody is put with somebody whom they did not wish for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.repairs.domain.chains import SeatGraph, chained, make_room
from services.matching.rounds.solver.model import NONE, Instance, Longs
from services.matching.rounds.solver.proposals import fit


@dataclass(frozen=True, kw_only=True)
class RepairProblem:
    """`instance` has everybody whom the repair looks at, pairs that exist among the wishes; its pins do not move."""

    instance: Instance
    held: Rows
    """By mentee: the wish that is true now, or NONE; of the displaced always NONE."""
    displaced: Bools
    left_before: Longs
    """By mentee: how often an earlier repair left them behind. Who was left more often goes first."""

    @property
    def bystanders(self) -> Bools:
        held: Bools = self.held != NONE
        return held

    @property
    def free(self) -> Longs:
        """By mentor; below 0 where more are held than there are seats now. Nobody is sent there."""
        held = self.instance.mentor[self.held[self.bystanders]]
        return self.instance.capacity - np.bincount(held, minlength=len(self.instance.mentors))

    @property
    def possible(self) -> Bools:
        """Wishes that could come true if somebody made room."""
        one = self.instance
        return one.open & ((self.free >= 0) & (one.capacity > 0))[one.mentor]


@dataclass(frozen=True, kw_only=True)
class Repaired:
    outcome: Rows
    """By mentee, as `held`."""
    chains: Sequence[tuple[int, ...]]
    """Mentees: a displaced one, then each who makes room for the one before. One chain needs no other."""
    moved: int
    """Bystanders."""
    blocking: int
    """Pairs of those looked at that would both rather have each other."""


def repair(problem: RepairProblem, *, bystanders: int) -> Repaired:
    """Moves at most so many bystanders. Raises ValueError where `problem` contradicts itself."""
    if (problem.displaced & problem.bystanders).any():
        raise ValueError("somebody displaced holds a seat")
    outcome = _proposed(problem)
    if bystanders and problem.instance.mentee.size:
        outcome = make_room(_room(problem, outcome), bystanders)
    moved = int((problem.bystanders & (outcome != problem.held)).sum())
    return Repaired(
        outcome=outcome,
        chains=chained(problem.instance.mentor, problem.held, outcome, free=problem.free, starts=_in_order(problem)),
        moved=moved,
        blocking=blocking_pairs(problem.instance, outcome),
    )


def reason_left(problem: RepairProblem, mentee: int) -> str:
    """Why somebody displaced got nobody: `no_wishes`, `excluded`, `full` (no seat they wish for is free) or
    `outranked`.
    """
    first, last = problem.instance.first[mentee], problem.instance.first[mentee + 1]
    if first == last:
        return "no_wishes"
    asked = problem.instance.mentor[first:last][problem.instance.open[first:last]]
    if not asked.size:
        return "excluded"
    return "outranked" if (problem.free[asked] > 0).any() else "full"


def blocking_pairs(columns: Instance, outcome: Rows) -> int:
    """Wishes before the outcome whose mentor has a free seat or holds somebody lower who may move. Pins stay out."""
    kept = outcome[outcome != NONE]
    held = np.bincount(columns.mentor[kept], minlength=len(columns.mentors))
    loose = kept[columns.pinned[columns.mentee[kept]] == NONE]
    last = np.full(len(columns.mentors), NONE)
    np.maximum.at(last, columns.mentor[loose], columns.standing[loose])
    last[held < columns.capacity] = columns.mentee.size
    reached = np.where(outcome == NONE, columns.mentee.size, outcome)
    before = np.arange(columns.mentee.size) < reached[columns.mentee]
    return int((before & columns.open & (columns.standing < last[columns.mentor])).sum())


def _proposed(problem: RepairProblem) -> Rows:
    """A round of the displaced alone, for the free seats; a mentor prefers who was left behind before."""
    one = problem.instance
    by_standing = np.lexsort((one.standing, -problem.left_before[one.mentee], one.mentor))
    standing = np.empty_like(by_standing)
    standing[by_standing] = np.arange(by_standing.size)
    alone = replace(
        one,
        capacity=problem.free.clip(0),
        standing=standing,
        excluded=~(one.open & problem.displaced[one.mentee]),
        pinned=np.full(len(one.mentees), NONE),
    )
    return np.where(problem.displaced, fit(alone), problem.held)


def _room(problem: RepairProblem, outcome: Rows) -> SeatGraph:
    one = problem.instance
    return SeatGraph(
        mentor=one.mentor.tolist(),
        wishes=[
            [wish for wish in range(one.first[mentee], one.first[mentee + 1]) if problem.possible[wish]]
            for mentee in range(len(one.mentees))
        ],
        capacity=one.capacity.tolist(),
        home=np.where(problem.bystanders, one.mentor[problem.held], NONE).tolist(),
        outcome=outcome.tolist(),
        waiting=[mentee for mentee in _in_order(problem) if outcome[mentee] == NONE],
    )


def _in_order(problem: RepairProblem) -> list[int]:
    """The displaced: who was left behind more often first; then by place, which is a lot's."""
    displaced = np.flatnonzero(problem.displaced)
    order: list[int] = displaced[np.argsort(-problem.left_before[displaced], kind="stable")].tolist()
    return order

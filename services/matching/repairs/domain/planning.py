"""Plans a repair: which displaced mentee gets which seat, and which bystanders move for it.

First deferred acceptance among the displaced for the free seats. Where at most k > 0 bystanders may move, shortest
augmenting paths then place as many more as possible, a bystander's move costing 1: no other plan that places as many
moves fewer bystanders (Ahuja, Magnanti & Orlin, *Network Flows* (1993), ch. 9). A mentee is assigned only to a mentor
among their wishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.repairs.domain.chains import SeatGraph, chains_of, make_room
from services.matching.rounds.solver.model import NONE, Instance, Longs
from services.matching.rounds.solver.proposals import fit


@dataclass(frozen=True, kw_only=True)
class RepairProblem:
    """`instance` holds the people of the repair. Existing pairs are among its wishes; its pins do not move."""

    instance: Instance
    held: Rows
    """By mentee: the wish granted now, or NONE; always NONE for the displaced."""
    displaced: Bools
    times_unplaced: Longs
    """By mentee: how many earlier repairs left them behind. More often means a higher priority."""

    @property
    def bystanders(self) -> Bools:
        held: Bools = self.held != NONE
        return held

    @property
    def free(self) -> Longs:
        """Free seats by mentor; below 0 for a mentor with more mentees than seats, to whom nobody is assigned."""
        held = self.instance.mentor[self.held[self.bystanders]]
        return self.instance.capacity - np.bincount(held, minlength=len(self.instance.mentors))

    @property
    def feasible(self) -> Bools:
        """By wish: whether it could be granted if a seat were freed."""
        instance = self.instance
        return instance.open & ((self.free >= 0) & (instance.capacity > 0))[instance.mentor]


@dataclass(frozen=True, kw_only=True)
class Repaired:
    outcome: Rows
    """By mentee, as `held`."""
    chains: Sequence[tuple[int, ...]]
    """Mentees: a displaced one, then each who makes room for the one before. Chains do not depend on each other."""
    moved: int
    """Number of bystanders who move."""
    blocking: int
    """Number of pairs of the problem in which both would rather have each other."""


def repair(problem: RepairProblem, *, bystanders: int) -> Repaired:
    """Moves at most this number of bystanders. Raises ValueError if a displaced mentee holds a seat."""
    if (problem.displaced & problem.bystanders).any():
        raise ValueError("somebody displaced holds a seat")
    outcome = _fill_free_seats(problem)
    if bystanders and problem.instance.mentee.size:
        outcome = make_room(_seat_graph(problem, outcome), bystanders)
    moved = int((problem.bystanders & (outcome != problem.held)).sum())
    return Repaired(
        outcome=outcome,
        chains=chains_of(
            problem.instance.mentor, problem.held, outcome, free=problem.free, starts=_displaced_in_order(problem)
        ),
        moved=moved,
        blocking=blocking_pairs(problem.instance, outcome),
    )


def reason_left_behind(problem: RepairProblem, mentee: int) -> str:
    """Why a displaced mentee got no mentor: `no_wishes`, `excluded`, `full` (no mentor on the list has a free seat) or
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
    """Number of better wishes whose mentor has a free seat or an unpinned mentee whom they rank lower."""
    kept = outcome[outcome != NONE]
    held = np.bincount(columns.mentor[kept], minlength=len(columns.mentors))
    loose = kept[columns.pinned[columns.mentee[kept]] == NONE]
    last = np.full(len(columns.mentors), NONE)
    np.maximum.at(last, columns.mentor[loose], columns.mentor_position[loose])
    last[held < columns.capacity] = columns.mentee.size
    reached = np.where(outcome == NONE, columns.mentee.size, outcome)
    before = np.arange(columns.mentee.size) < reached[columns.mentee]
    return int((before & columns.open & (columns.mentor_position < last[columns.mentor])).sum())


def _fill_free_seats(problem: RepairProblem) -> Rows:
    """Deferred acceptance among the displaced for the free seats; those whom earlier repairs left behind go first."""
    instance = problem.instance
    by_mentor_position = np.lexsort(
        (instance.mentor_position, -problem.times_unplaced[instance.mentee], instance.mentor)
    )
    mentor_position = np.empty_like(by_mentor_position)
    mentor_position[by_mentor_position] = np.arange(by_mentor_position.size)
    for_displaced = replace(
        instance,
        capacity=problem.free.clip(0),
        mentor_position=mentor_position,
        excluded=~(instance.open & problem.displaced[instance.mentee]),
        pinned=np.full(len(instance.mentees), NONE),
    )
    return np.where(problem.displaced, fit(for_displaced), problem.held)


def _seat_graph(problem: RepairProblem, outcome: Rows) -> SeatGraph:
    instance = problem.instance
    return SeatGraph(
        mentor=instance.mentor.tolist(),
        wishes=[
            [wish for wish in range(instance.first[mentee], instance.first[mentee + 1]) if problem.feasible[wish]]
            for mentee in range(len(instance.mentees))
        ],
        capacity=instance.capacity.tolist(),
        home=np.where(problem.bystanders, instance.mentor[problem.held], NONE).tolist(),
        outcome=outcome.tolist(),
        waiting=[mentee for mentee in _displaced_in_order(problem) if outcome[mentee] == NONE],
    )


def _displaced_in_order(problem: RepairProblem) -> list[int]:
    """The displaced, those left behind most often first; then by index."""
    displaced = np.flatnonzero(problem.displaced)
    order: list[int] = displaced[np.argsort(-problem.times_unplaced[displaced], kind="stable")].tolist()
    return order

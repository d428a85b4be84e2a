"""Several mentors for a mentee, and minimum group sizes: turns and passes of a target that matches one mentor each.

A turn gives each mentee at most one mentor. Who wants more, and got one, takes part in the next turn, with the seats
that are left: no second mentor takes a seat from a first one (docs/rounds.md). A mentee
who has a mentor already begins with the second turn.

A pass solves all turns. It closes mentors who hold somebody, but fewer than their minimum group size; then the next
pass solves the round without them. Mentors with a pinned mentee are never closed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.kernel.scoring import seed
from services.matching.rounds.solver.certificate import Certified
from services.matching.rounds.solver.coverage import bonus_of, coverage
from services.matching.rounds.solver.files import ClosedMentor, Target
from services.matching.rounds.solver.model import NONE, Instance
from services.matching.rounds.solver.proposals import fit

_SHARE = 8
"""A pass closes an eighth of the mentors whose group is too small, at least one: few passes, and few closed in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    turns: tuple[Certified, ...]
    """At least one."""
    closed: tuple[ClosedMentor, ...]


def solution(columns: Instance, target: Target, *, round: str) -> Solution:
    """Solves all turns, again and again, until every mentor who holds somebody holds enough. `closings` has who was
    closed after which pass: mentor, mentees held, number of the pass.
    """
    closings: list[tuple[int, int, int]] = []
    for number in range(1, len(columns.mentors) + 2):
        turns = tuple(_turns(columns, target))
        held = _held(turns)
        closing = _closing(columns, held, round=round)
        closings += [(mentor, int(held[mentor]), number) for mentor in closing]
        if not closing:
            break
        columns = columns.without(closing)
    return Solution(turns=turns, closed=_closed(turns, closings))


def _turns(columns: Instance, target: Target) -> Iterator[Certified]:
    bonus = bonus_of(columns)
    while True:
        turn = _certified(columns, target, bonus)
        yield turn
        if not columns.goes_on(turn.outcome).any():
            return
        columns = columns.next_turn(turn.outcome)


def _certified(columns: Instance, target: Target, bonus: int) -> Certified:
    if target == "fit":
        return Certified(instance=columns, outcome=fit(columns), covered=None)
    covered = coverage(columns, bonus=bonus)
    return Certified(instance=columns, outcome=covered.outcome, covered=covered)


def _held(turns: Sequence[Certified]) -> Rows:
    """By mentor: the number of mentees, over all turns."""
    mentors = np.concatenate([turn.instance.mentor[turn.kept] for turn in turns])
    return np.bincount(mentors, minlength=len(turns[0].instance.mentors))


def _closing(columns: Instance, held: Rows, *, round: str) -> list[int]:
    """The mentors whom this pass closes: who lacks most of the minimum first, then who holds fewer, then by lot."""
    pinned = columns.mentor[columns.pinned[columns.pinned != NONE]]
    short = (held > 0) & (held < columns.least_group)
    short[pinned] = False
    lacking = (columns.least_group - held).tolist()
    order = sorted(
        np.flatnonzero(short).tolist(),
        key=lambda mentor: (-lacking[mentor], held[mentor], seed(round, columns.mentors[mentor]), mentor),
    )
    return order[: -(-len(order) // _SHARE)]


def _closed(turns: Sequence[Certified], closings: Sequence[tuple[int, int, int]]) -> tuple[ClosedMentor, ...]:
    if not closings:
        return ()
    columns = turns[0].instance
    would_come = _would_come(turns)
    return tuple(
        ClosedMentor(
            mentor=columns.mentors[mentor],
            least_group=int(columns.least_group[mentor]),
            held=held,
            closed_in_pass=number,
            would_come=int(would_come[mentor]),
        )
        for mentor, held, number in closings
    )


def _would_come(turns: Sequence[Certified]) -> Rows:
    """By mentor: the mentees who prefer this mentor to an outcome of theirs, each counted once."""
    mentors = len(turns[0].instance.mentors)
    pairs = []
    for turn in turns:
        columns = turn.instance
        wishes = turn.better & ~columns.excluded & (columns.pinned == NONE)[columns.mentee]
        pairs.append(columns.mentee[wishes] * mentors + columns.mentor[wishes])
    return np.bincount(np.unique(np.concatenate(pairs)) % mentors, minlength=mentors)

"""Fit: deferred acceptance with capacities, mentees proposing (Gale & Shapley 1962; the hospitals/residents problem).

Of all matchings in which no mentee and mentor would both rather have each other, the one that every mentee likes best;
which of them are proposed by first does not matter.
"""

from heapq import heappushpop

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.model import NOBODY, Instance


def fit(instance: Instance) -> Rows:
    """By mentee: the wish that came true, or NOBODY."""
    outcome = instance.pinned.copy()
    kept = proposed(instance)
    outcome[instance.mentee[kept]] = kept
    return outcome


def proposed(instance: Instance) -> Rows:
    """The wishes that come true.

    One proposal is one push: a mentor's heap has an entry a seat, the least wanted on top.
    A wish is known by its standing s as -(s + 1): the worse, the smaller, and it is also its place from the end of
    `after`, which says whom its mentee asks next. An empty seat is smaller than any wish, and nobody asks after it.
    """
    wishes = np.flatnonzero(instance.live)
    empty = -(instance.mentee.size + 1)
    seats = [[empty] * free for free in np.minimum(instance.seats, _asked(instance)).clip(0).tolist()]
    mentor = instance.mentor[wishes]
    keys = -(instance.standing[wishes] + 1)
    heap = [seats[place] for place in mentor.tolist()]
    key = keys.tolist()
    after = _after(instance, wishes)
    for start in _firsts(instance.mentee[wishes]):
        wish = start
        while wish != NOBODY:
            wish = after[heappushpop(heap[wish], key[wish])]
    kept = np.array([-(held + 1) for one in seats for held in one if held != empty], dtype=np.intp)
    return instance.by_standing[kept]


def _asked(instance: Instance) -> Rows:
    """By mentor: how many ask at most. More seats than that are never taken."""
    return np.bincount(instance.mentor[instance.live], minlength=len(instance.mentors))


def _after(instance: Instance, wishes: Rows) -> list[int]:
    mentee = instance.mentee[wishes]
    following = np.arange(1, wishes.size + 1)
    following[np.append(mentee[1:] != mentee[:-1], True)[: wishes.size]] = NOBODY
    after = np.full(instance.mentee.size + 1, NOBODY)
    after[-(instance.standing[wishes] + 1)] = following
    return after.tolist()


def _firsts(mentee: Rows) -> list[int]:
    if not mentee.size:
        return []
    return [0, *(np.flatnonzero(mentee[1:] != mentee[:-1]) + 1).tolist()]

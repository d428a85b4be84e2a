"""Fit: deferred acceptance with capacities, mentees proposing (Gale & Shapley 1962; the hospitals/residents problem).

The result is the stable matching that every mentee likes best. The order in which mentees propose does not matter.
"""

from heapq import heappushpop

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.model import NONE, Instance


def fit(instance: Instance) -> Rows:
    """By mentee: the matched wish, or NONE."""
    outcome = instance.pinned.copy()
    kept = proposed(instance)
    outcome[instance.mentee[kept]] = kept
    return outcome


def proposed(instance: Instance) -> Rows:
    """The matched wishes.

    A proposal is one push: a mentor's heap has an entry for each seat, the mentor's least preferred on top. The key of
    a wish at mentor position p is -(p + 1): the less preferred, the smaller. As a negative index into `after` it finds
    the same mentee's next wish. The key of an empty seat is smaller than any other, and its next wish is NONE.
    """
    wishes = np.flatnonzero(instance.live)
    empty = -(instance.mentee.size + 1)
    seats = [[empty] * free for free in np.minimum(instance.seats, _proposals_at_most(instance)).clip(0).tolist()]
    mentor = instance.mentor[wishes]
    keys = -(instance.mentor_position[wishes] + 1)
    heap = [seats[row] for row in mentor.tolist()]
    key = keys.tolist()
    after = _next_wishes(instance, wishes)
    for start in _first_wishes(instance.mentee[wishes]):
        wish = start
        while wish != NONE:
            wish = after[heappushpop(heap[wish], key[wish])]
    kept = np.array([-(held + 1) for entries in seats for held in entries if held != empty], dtype=np.intp)
    return instance.by_mentor_position[kept]


def _proposals_at_most(instance: Instance) -> Rows:
    """By mentor: more seats than this are never taken."""
    return np.bincount(instance.mentor[instance.live], minlength=len(instance.mentors))


def _next_wishes(instance: Instance, wishes: Rows) -> list[int]:
    """By key: where in `wishes` the mentee's next wish is, or NONE."""
    mentee = instance.mentee[wishes]
    following = np.arange(1, wishes.size + 1)
    following[np.append(mentee[1:] != mentee[:-1], True)[: wishes.size]] = NONE
    after = np.full(instance.mentee.size + 1, NONE)
    after[-(instance.mentor_position[wishes] + 1)] = following
    return after.tolist()


def _first_wishes(mentee: Rows) -> list[int]:
    if not mentee.size:
        return []
    return [0, *(np.flatnonzero(mentee[1:] != mentee[:-1]) + 1).tolist()]

"""Deferred acceptance as machine code, for rounds that are large and where Numba is installed; it is in no image.

The outcome is that of `proposals`, which needs no compiler: which mentee proposes next does not matter to it.
"""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.rounds.solver.model import NOBODY, Instance, Longs

FROM_WISHES = 2_000_000
"""So many take Python a second. Numba takes 0.7 s to start, what it compiled being kept from the first time."""


@cache
def is_installed() -> bool:
    return find_spec("numba") is not None


def proposed(instance: Instance) -> Rows:
    """The wishes that come true. Raises RuntimeError where what is compiled can be kept nowhere: NUMBA_CACHE_DIR says
    where.
    """
    asked = np.bincount(instance.mentor[instance.live], minlength=len(instance.mentors))
    ends = np.concatenate([[0], np.cumsum(np.minimum(instance.seats, asked).clip(0))])
    mentee_of = instance.mentee[instance.by_standing]
    held = _machine_code()(instance.first, instance.mentor, instance.standing, instance.live, ends, mentee_of)
    kept: Rows = instance.by_standing[held[held != NOBODY]]
    return kept


@cache
def _machine_code() -> Callable[..., Rows]:
    from numba import njit

    code: Callable[..., Rows] = njit(cache=True)(propose)
    return code


def propose(first: Rows, mentor: Rows, standing: Rows, live: Bools, ends: Longs, mentee_of: Rows) -> Rows:
    """By seat, the standing of the wish that has it, or NOBODY; a mentor's, from `ends[m]` on, the most wanted first.
    `mentee_of` by standing. What Numba understands of Python, and Python too.
    """
    following = first.copy()
    held = np.full(ends[-1], NOBODY)
    taken = np.zeros(ends.size - 1, dtype=np.int64)
    for start in range(first.size - 1):
        mentee = start
        while mentee != NOBODY and following[mentee] < first[mentee + 1]:
            wish = following[mentee]
            following[mentee] += 1
            one, mine = mentor[wish], standing[wish]
            begin, last = ends[one], ends[one] + taken[one]
            is_full = last == ends[one + 1]
            if not live[wish] or begin == ends[one + 1] or (is_full and held[last - 1] < mine):
                continue
            mentee = NOBODY
            if is_full:
                last -= 1
                mentee = mentee_of[held[last]]
            else:
                taken[one] += 1
            while last > begin and held[last - 1] > mine:
                held[last] = held[last - 1]
                last -= 1
            held[last] = mine
    return held

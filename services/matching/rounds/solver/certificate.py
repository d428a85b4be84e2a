"""Certificate of a turn's outcome: why no better wish blocks it, and what would match each mentee who is left over."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.kernel.scoring import seed
from services.matching.rounds.solver.coverage import Covered
from services.matching.rounds.solver.files import Better, Opening, Reason, Unmatched, Why
from services.matching.rounds.solver.model import NONE, Instance, Longs


@dataclass(frozen=True, kw_only=True)
class Certified:
    """A turn's outcome of a target."""

    instance: Instance
    outcome: Rows
    covered: Covered | None
    """None for fit."""

    @property
    def kept(self) -> Rows:
        kept: Rows = self.outcome[self.outcome != NONE]
        return kept

    @property
    def better(self) -> Bools:
        """By wish: whether the mentee prefers it to the outcome; every wish of an unmatched mentee, and none of a
        mentee who takes no part.
        """
        reached = np.where(self.outcome == NONE, self.instance.mentee.size, self.outcome)
        reached[~self.instance.takes_part] = NONE
        return np.arange(self.instance.mentee.size) < reached[self.instance.mentee]


def better(certified: Certified) -> list[tuple[Better, ...]]:
    """By mentee: the wishes preferred to the outcome."""
    instance = certified.instance
    wishes = np.flatnonzero(certified.better)
    why = _why(certified, wishes)
    margin = _margins(certified, wishes)
    explained = [
        Better(mentor=instance.mentors[mentor], why=reason, margin=much if reason.startswith("out") else None)
        for mentor, reason, much in zip(instance.mentor[wishes].tolist(), why, margin.tolist(), strict=True)
    ]
    ends = np.searchsorted(instance.mentee[wishes], np.arange(len(instance.mentees) + 1)).tolist()
    return [tuple(explained[start:end]) for start, end in pairwise(ends)]


def _why(certified: Certified, wishes: Rows) -> list[Why]:
    instance = certified.instance
    mentor = instance.mentor[wishes]
    codes: list[Why] = ["excluded", "pinned", "too_few", "closed", "taken", "seats_pinned"]
    code_of = np.select(
        [
            instance.excluded[wishes],
            instance.pinned[instance.mentee[wishes]] != NONE,
            instance.closed[mentor],
            instance.capacity[mentor] == 0,
            instance.capacity[mentor] == instance.used[mentor],
            instance.seats[mentor] == 0,
        ],
        range(len(codes)),
        len(codes),
    )
    codes.append("outweighed" if certified.covered else "outranked")
    return [codes[code] for code in code_of.tolist()]


def _margins(certified: Certified, wishes: Rows) -> Longs:
    """By wish; meaningful only for wishes that could be matched."""
    instance, covered = certified.instance, certified.covered
    mentor = instance.mentor[wishes]
    if covered is None:
        return instance.mentor_position[wishes] - _last_held(certified)[mentor]
    value = instance.score[wishes] + covered.bonus
    return covered.gain[instance.mentee[wishes]] + covered.price[mentor] - value


def _last_held(certified: Certified) -> Rows:
    """By mentor: the mentor_position of the least preferred match that is not pinned."""
    instance = certified.instance
    free = certified.kept[instance.open[certified.kept]]
    last = np.full(len(instance.mentors), NONE)
    np.maximum.at(last, instance.mentor[free], instance.mentor_position[free])
    return last


def unmatched(certified: Certified, *, round: str, waiting_days: Longs) -> tuple[Unmatched, ...]:
    """The longest wait first."""
    instance = certified.instance
    left = np.flatnonzero(instance.takes_part & (certified.outcome == NONE)).tolist()
    days = waiting_days.tolist()
    left.sort(key=lambda mentee: (-days[mentee], seed(round, instance.mentees[mentee]), mentee))
    needed = _seats_needed(certified)
    return tuple(
        Unmatched(
            mentee=instance.mentees[mentee],
            position=position,
            waiting_days=days[mentee],
            reason=_reason(certified, mentee),
            opens=_opens(instance, mentee, needed),
        )
        for position, mentee in enumerate(left, 1)
    )


def _reason(certified: Certified, mentee: int) -> Reason:
    instance = certified.instance
    wishes = slice(instance.first[mentee], instance.first[mentee + 1])
    possible = instance.mentor[wishes][~instance.excluded[wishes]]
    if wishes.start == wishes.stop:
        return "no_wishes"
    if not possible.size:
        return "excluded"
    if not instance.capacity[possible].any():
        return "closed"
    if not instance.capacity[possible[~instance.closed[possible]]].any():
        return "too_few"
    return "outweighed" if certified.covered else "outranked"


def _opens(instance: Instance, mentee: int, needed: Longs) -> tuple[Opening, ...]:
    wishes = np.arange(instance.first[mentee], instance.first[mentee + 1])
    wishes = wishes[instance.open[wishes]]
    order = np.argsort(needed[wishes], kind="stable")
    return tuple(
        Opening(mentor=instance.mentors[instance.mentor[wish]], seats=int(needed[wish]))
        for wish in wishes[order].tolist()
    )


def _seats_needed(certified: Certified) -> Longs:
    """By wish: seats to add at this mentor so that the mentee is matched for certain.

    Fit: one more than the mentees whom the mentor ranks higher and who prefer this mentor to their outcome. Only they
    can take the new seats before this mentee, because added seats make no mentee worse off (Roth & Sotomayor 1990,
    theorem 5.35). Coverage: 1, with which one more mentee is matched, not necessarily this one.
    """
    instance = certified.instance
    if certified.covered:
        return np.ones(instance.mentee.size, dtype=np.int64)
    waits = (certified.better & instance.open)[instance.by_mentor_position]
    before: Longs = np.cumsum(waits) - waits
    mentor = instance.mentor[instance.by_mentor_position]
    start = np.searchsorted(mentor, np.arange(len(instance.mentors)))
    needed = np.empty(instance.mentee.size, dtype=np.int64)
    needed[instance.by_mentor_position] = before - before[start[mentor]] + 1 if mentor.size else 0
    return needed

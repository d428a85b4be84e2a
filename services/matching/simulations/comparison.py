"""Compares the lists of one institution's mentees under two policies. Whole numbers; thousandths are rounded half up.

Every count is of that institution's own mentees and mentors, because its coordinator reads the comparison.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.rounds.solver.figures import gini, thousandths
from shared.contracts.matching import Unmatched


@dataclass(frozen=True, slots=True)
class Listed:
    """A mentee's list, the best mentor first. `first_percent`: the score of the first, in percent of what the mentee's
    weights allow.
    """

    mentors: Sequence[str] = ()
    unmatched: Unmatched | None = None
    first_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    mentees: int
    unmatched: Mapping[str, int]
    """Mentees without a list, by reason."""
    mean_first_percent_thousandths: int
    """Of the mentees with a list, each by the weights that are compared."""
    load_gini_thousandths: int
    """Of the number of lists that name each mentor with a free seat."""
    mentors_listed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """Differences between the two sets of lists."""

    lists_changed: int
    first_changed: int
    entered: int
    """Entries whose mentor is not on today's list of that mentee."""
    left: int
    mentors_entering: int
    """Mentors on a list under the draft, and on none today."""
    mentors_leaving: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    today: Figures
    draft: Figures
    churn: Churn


Lists = Mapping[str, Listed]
"""By mentee."""


def compare(today: Lists, draft: Lists, *, mentors: Collection[str]) -> Comparison:
    """`today` and `draft` are of the same mentees. `mentors`: the institution's mentors with a free seat."""
    before, after = _lists_by_mentor(today, mentors), _lists_by_mentor(draft, mentors)
    return Comparison(
        today=_figures(today, before, mentors),
        draft=_figures(draft, after, mentors),
        churn=_churn(today, draft, before, after),
    )


def _lists_by_mentor(lists: Lists, mentors: Collection[str]) -> Counter[str]:
    """By mentor who is on a list: on how many."""
    known = frozenset(mentors)
    return Counter(mentor for listed in lists.values() for mentor in listed.mentors if mentor in known)


def _figures(lists: Lists, lists_by_mentor: Counter[str], mentors: Collection[str]) -> Figures:
    percents = [listed.first_percent for listed in lists.values() if listed.mentors]
    unmatched = Counter(listed.unmatched for listed in lists.values() if listed.unmatched)
    return Figures(
        mentees=len(lists),
        unmatched={str(reason): unmatched[reason] for reason in sorted(unmatched)},
        mean_first_percent_thousandths=thousandths(sum(percents), len(percents)),
        load_gini_thousandths=gini(np.array([lists_by_mentor[mentor] for mentor in mentors], dtype=np.int64)),
        mentors_listed=len(lists_by_mentor),
    )


def _churn(today: Lists, draft: Lists, before: Counter[str], after: Counter[str]) -> Churn:
    pairs = [(listed, draft[mentee]) for mentee, listed in today.items()]
    return Churn(
        lists_changed=sum((old.mentors, old.unmatched) != (new.mentors, new.unmatched) for old, new in pairs),
        first_changed=sum(old.mentors[:1] != new.mentors[:1] for old, new in pairs),
        entered=sum(len(set(new.mentors) - set(old.mentors)) for old, new in pairs),
        left=sum(len(set(old.mentors) - set(new.mentors)) for old, new in pairs),
        mentors_entering=len(after.keys() - before.keys()),
        mentors_leaving=len(before.keys() - after.keys()),
    )

"""All lists of a programme under two sets of rules, side by side, in whole numbers: thousandths rounded half up."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.domain.rounds.figures import gini, thousandths
from shared.contracts.matching import Unmatched

_SMALL = 5
"""Fewer people than this could be told apart."""
_FLOWS_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """One mentee's list, the best first; how well the first fits, in percent of what their weights allow."""

    mentors: Sequence[str] = ()
    unmatched: Unmatched | None = None
    first_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    mentees: int
    unmatched: Mapping[str, int]
    """How many have no list, by the reason."""
    mean_first_percent_thousandths: int
    """Of those who have a list; each by the weights that are compared."""
    load_gini_thousandths: int
    """Of the lists on which each mentor with a seat stands."""
    mentors_listed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """What would be another: of some of it mentees would hear."""

    lists_changed: int
    first_changed: int
    entered: int
    """Places on lists, of mentors who were not on that list."""
    left: int
    mentors_entering: int
    """On somebody's list under the draft, and on nobody's today."""
    mentors_leaving: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Mentees of the one institution who have somebody of the other on their list."""

    mentee_institution: str
    mentor_institution: str
    today: int | None
    """None: a few, fewer than five, and another institution than the owner has a part in it."""
    draft: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    today: Figures
    draft: Figures
    churn: Churn
    flow: tuple[Flow, ...]
    """The largest first."""


Lists = Mapping[str, Listed]
"""By mentee."""


def compare(today: Lists, draft: Lists, *, seats: Collection[str], home: Mapping[str, str], owner: str) -> Comparison:
    """Of the same mentees. `seats`: mentors who have one; `home`: everybody's institution; `owner`: who is told."""
    before, after = _on_lists(today), _on_lists(draft)
    return Comparison(
        today=_figures(today, before, seats),
        draft=_figures(draft, after, seats),
        churn=_churn(today, draft, before, after),
        flow=_flow(_meetings(today, home), _meetings(draft, home), owner),
    )


def _on_lists(lists: Lists) -> Counter[str]:
    """On how many each mentor stands."""
    return Counter(mentor for one in lists.values() for mentor in one.mentors)


def _figures(lists: Lists, on_lists: Counter[str], seats: Collection[str]) -> Figures:
    firsts = [one.first_percent for one in lists.values() if one.mentors]
    return Figures(
        mentees=len(lists),
        unmatched=dict(sorted(Counter(one.unmatched for one in lists.values() if one.unmatched).items())),
        mean_first_percent_thousandths=thousandths(sum(firsts), len(firsts)),
        load_gini_thousandths=gini(np.array([on_lists[one] for one in seats], dtype=np.int64)),
        mentors_listed=len(on_lists),
    )


def _churn(today: Lists, draft: Lists, before: Counter[str], after: Counter[str]) -> Churn:
    both = [(one, draft[mentee]) for mentee, one in today.items()]
    return Churn(
        lists_changed=sum((a.mentors, a.unmatched) != (b.mentors, b.unmatched) for a, b in both),
        first_changed=sum(a.mentors[:1] != b.mentors[:1] for a, b in both),
        entered=sum(len(set(b.mentors) - set(a.mentors)) for a, b in both),
        left=sum(len(set(a.mentors) - set(b.mentors)) for a, b in both),
        mentors_entering=len(after.keys() - before.keys()),
        mentors_leaving=len(before.keys() - after.keys()),
    )


def _meetings(lists: Lists, home: Mapping[str, str]) -> Counter[tuple[str, str]]:
    met = ((home[mentee], there) for mentee, one in lists.items() for there in {home[mentor] for mentor in one.mentors})
    return Counter(met)


def _flow(today: Counter[tuple[str, str]], draft: Counter[tuple[str, str]], owner: str) -> tuple[Flow, ...]:
    pairs = sorted(today.keys() | draft.keys(), key=lambda pair: (-max(today[pair], draft[pair]), pair))
    return tuple(
        Flow(
            mentee_institution=one,
            mentor_institution=other,
            today=_told(today[one, other], is_ours={one, other} == {owner}),
            draft=_told(draft[one, other], is_ours={one, other} == {owner}),
        )
        for one, other in pairs[:_FLOWS_AT_MOST]
    )


def _told(mentees: int, *, is_ours: bool) -> int | None:
    return mentees if is_ours or mentees == 0 or mentees >= _SMALL else None

"""All lists of a programme under two sets of rules, side by side, in whole numbers: thousandths rounded half up.

Who is told is the programme's owner: of other institutions' people in fives only (`aloud`). What is said of mentors is
of the lists of institutions that have five and more, so that nobody's list shows in it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.rounds.solver.figures import gini
from services.matching.simulations.disclosure import SmallCountRounding, in_fives
from shared.contracts.matching import Unmatched

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
    """None: fewer than five, perhaps nobody; or the mentors are fewer than five of another institution."""
    draft: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    today: Figures
    draft: Figures
    churn: Churn
    flow: tuple[Flow, ...]
    """The largest first; pairs of which nothing can be told are not among them."""


Lists = Mapping[str, Listed]
"""By mentee."""


def compare(today: Lists, draft: Lists, *, seats: Collection[str], home: Mapping[str, str], owner: str) -> Comparison:
    """Of the same mentees. `seats`: mentors who have one; `home`: everybody's institution; `owner`: who is told."""
    aloud = SmallCountRounding(home, owner)
    listed = aloud.large(_listed(today)) & aloud.large(_listed(draft))
    before, after = (_on_lists({who: each[who] for who in each if home[who] in listed}) for each in (today, draft))
    known = aloud.large(seats)
    counted = [one for one in seats if home[one] in known]
    return Comparison(
        today=_figures(today, before, counted, aloud),
        draft=_figures(draft, after, counted, aloud),
        churn=_churn(today, draft, before, after, aloud),
        flow=_flow(_meetings(today, home), _meetings(draft, home), known, owner),
    )


def _listed(lists: Lists) -> Iterator[str]:
    return (mentee for mentee, one in lists.items() if one.mentors)


def _on_lists(lists: Lists) -> Counter[str]:
    """On how many each mentor stands."""
    return Counter(mentor for one in lists.values() for mentor in one.mentors)


def _figures(lists: Lists, on_lists: Counter[str], seats: Collection[str], aloud: SmallCountRounding) -> Figures:
    firsts = {mentee: lists[mentee].first_percent for mentee in _listed(lists)}
    reasons = sorted({one.unmatched for one in lists.values() if one.unmatched})
    counted = {why: aloud.count(mentee for mentee, one in lists.items() if one.unmatched == why) for why in reasons}
    unmatched: dict[str, int] = {why: n for why, n in counted.items() if n}
    return Figures(
        mentees=aloud.count(firsts) + sum(unmatched.values()),
        unmatched=unmatched,
        mean_first_percent_thousandths=aloud.mean_thousandths(firsts),
        load_gini_thousandths=gini(np.array([on_lists[one] for one in seats], dtype=np.int64)),
        mentors_listed=aloud.count(on_lists),
    )


def _churn(today: Lists, draft: Lists, before: Counter[str], after: Counter[str], aloud: SmallCountRounding) -> Churn:
    both = {mentee: (one, draft[mentee]) for mentee, one in today.items()}
    return Churn(
        lists_changed=aloud.count(
            who for who, (a, b) in both.items() if (a.mentors, a.unmatched) != (b.mentors, b.unmatched)
        ),
        first_changed=aloud.count(who for who, (a, b) in both.items() if a.mentors[:1] != b.mentors[:1]),
        entered=aloud.total({who: len(set(b.mentors) - set(a.mentors)) for who, (a, b) in both.items()}),
        left=aloud.total({who: len(set(a.mentors) - set(b.mentors)) for who, (a, b) in both.items()}),
        mentors_entering=aloud.count(after.keys() - before.keys()),
        mentors_leaving=aloud.count(before.keys() - after.keys()),
    )


Meetings = Counter[tuple[str, str]]


def _meetings(lists: Lists, home: Mapping[str, str]) -> Meetings:
    met = ((home[mentee], there) for mentee, one in lists.items() for there in {home[mentor] for mentor in one.mentors})
    return Counter(met)


def _flow(today: Meetings, draft: Meetings, known: Collection[str], owner: str) -> tuple[Flow, ...]:
    """`known`: institutions whose mentors are enough to be told of."""

    def told(counted: Meetings, pair: tuple[str, str]) -> int | None:
        if pair == (owner, owner):
            return counted[pair]
        return (in_fives(counted[pair]) or None) if pair[1] in known else None

    every = {pair: (told(today, pair), told(draft, pair)) for pair in today.keys() | draft.keys()}
    shown = [(pair, numbers) for pair, numbers in every.items() if any(numbers)]
    shown.sort(key=lambda one: (-max(number or 0 for number in one[1]), one[0]))
    return tuple(
        Flow(mentee_institution=mentees, mentor_institution=mentors, today=now, draft=then)
        for (mentees, mentors), (now, then) in shown[:_FLOWS_AT_MOST]
    )

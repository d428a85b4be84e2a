"""Meetings that fall into a duty of one of the two, or into the rest after a night duty, are left out. Pure.

A rota changes: what it leaves out is kept apart from what people cancelled, and comes back when the duty is gone. A
meeting that somebody moved by hand stays where they put it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.mentorships.kernel.pairs import SIDES, Side
from services.mentorships.meetings.domain import occurrences
from services.mentorships.meetings.domain.occurrences import CANCELLED, Occurrence, local
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.meetings.domain.states import DutyReason, Series, Skip
from services.mentorships.meetings.domain.zones import LOCAL, exists, instant

MOST_SKIPS = 100
"""Of one series, the next ones."""
_SEARCHED = timedelta(days=21)
_LONGEST_DUTY = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Busy:
    """When a person cannot meet."""

    begins_at: datetime
    ends_at: datetime
    reason: DutyReason


Duties = Mapping[Side, Sequence[Busy]]
"""Of each side, by time."""


def skips(series: Series, plan: Plan, duties: Duties, *, now: datetime) -> Mapping[str, Skip]:
    """By id: the meetings to come that fall into a duty, each with the next time that suits both."""
    own = {id: start for id, start in series.changes.items() if id not in series.skips}
    last = max((busy.ends_at for side in SIDES for busy in duties.get(side, ())), default=now)
    coming = occurrences.between(plan, own, now, last + _SEARCHED)
    taken = {occurrence.starts_at for occurrence in coming}
    found: dict[str, Skip] = {}
    for occurrence in coming:
        conflict = None if occurrence.is_moved else _conflict(occurrence.starts_at, plan, duties)
        if conflict is not None and len(found) < MOST_SKIPS:
            side, busy = conflict
            instead = next(_later(occurrence, plan, duties, taken), None)
            found[occurrence.id] = Skip(side=side, reason=busy.reason, instead=instead)
    return found


def left_out(series: Series, found: Mapping[str, Skip]) -> dict[str, str]:
    """The changes of the series with these meetings left out, and without those that were left out before."""
    own = {id: start for id, start in series.changes.items() if id not in series.skips}
    return {**own, **dict.fromkeys(found, CANCELLED)}


def _conflict(starts_at: datetime, plan: Plan, duties: Duties) -> tuple[Side, Busy] | None:
    ends_at = starts_at + plan.length
    for side in SIDES:
        of_side = duties.get(side, ())
        earliest = bisect_left(of_side, starts_at - _LONGEST_DUTY, key=lambda busy: busy.begins_at)
        for busy in of_side[earliest:]:
            if busy.begins_at >= ends_at:
                break
            if starts_at < busy.ends_at:
                return side, busy
    return None


def _later(occurrence: Occurrence, plan: Plan, duties: Duties, taken: set[datetime]) -> Iterator[str]:
    """The same time of day on one of the next days, where both are free and no other meeting of the series is."""
    for days in range(1, _SEARCHED.days + 1):
        day = local(occurrence.id) + timedelta(days=days)
        starts_at = instant(day, plan.zone)
        if exists(day, plan.zone) and starts_at not in taken and _conflict(starts_at, plan, duties) is None:
            yield day.strftime(LOCAL)

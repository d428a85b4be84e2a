"""The meetings of a plan: what the rule gives, without what was skipped, and with what was moved."""

import heapq
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from services.mentorships.meetings.domain.plans import LONGEST, Plan
from services.mentorships.meetings.domain.recurrence import dates
from services.mentorships.meetings.domain.zones import LOCAL, instant, local_time

CANCELLED = ""
Changes = Mapping[str, str]
"""By id of an occurrence: its new local start, or `CANCELLED`."""
_BEFORE = timedelta(seconds=1)
_OFFSETS = timedelta(hours=3)
"""More than a clock change moves a meeting."""


@dataclass(frozen=True, slots=True, order=True)
class Occurrence:
    starts_at: datetime
    id: str
    """Where the rule has it, as local time: its RECURRENCE-ID."""
    is_moved: bool = False


def from_then_on(plan: Plan, changes: Changes, moment: datetime) -> Iterator[Occurrence]:
    """The meetings that begin at this instant or later, in order; without an end if the rule has none."""
    moved = sorted(
        Occurrence(instant(local(starts), plan.zone), id, is_moved=True) for id, starts in changes.items() if starts
    )
    later = (occurrence for occurrence in moved if occurrence.starts_at >= moment)
    return heapq.merge(later, _by_rule(plan, changes, moment))


def between(plan: Plan, changes: Changes, begin: datetime, end: datetime) -> list[Occurrence]:
    """Those that begin from `begin` on and before `end`, and within ten years of the plan's start."""
    if begin > instant(local(plan.starts), plan.zone) + LONGEST:
        return []
    return list(takewhile(lambda occurrence: occurrence.starts_at < end, from_then_on(plan, changes, begin)))


def find(plan: Plan, changes: Changes, id: str) -> Occurrence | None:
    """None for what is no meeting of the plan, and for what was skipped or cancelled."""
    if id in changes:
        starts = changes[id]
        return Occurrence(instant(local(starts), plan.zone), id, is_moved=True) if starts else None
    try:
        wanted = local(id)
    except ValueError:  # not the id of a meeting
        return None
    if wanted.strftime(LOCAL) != id or not local(plan.starts) <= wanted <= local(plan.starts) + LONGEST:
        return None
    if id in plan.skipped or wanted not in _dates(plan, wanted - _BEFORE, upto=wanted):
        return None
    return Occurrence(instant(wanted, plan.zone), id)


def rest_of(plan: Plan, moment: datetime) -> Plan | None:
    """The plan without what began before this instant; None where nothing is left."""
    near = local_time(moment, plan.zone)
    left = _dates(plan, near)
    first = next(left, None)
    if first is None:
        return None
    rule = plan.rule
    if "COUNT=" in rule:
        rule = re.sub("COUNT=[0-9]+", f"COUNT={1 + sum(1 for _ in left)}", rule)
    starts = first.strftime(LOCAL)
    return replace(plan, starts=starts, rule=rule, skipped=tuple(day for day in plan.skipped if day >= starts))


def local(text: str) -> datetime:
    """Raises `ValueError`."""
    return datetime.fromisoformat(text)


def _by_rule(plan: Plan, changes: Changes, moment: datetime) -> Iterator[Occurrence]:
    near = local_time(moment, plan.zone) - _OFFSETS
    for date in _dates(plan, near):
        id = date.strftime(LOCAL)
        occurrence = Occurrence(instant(date, plan.zone), id)
        if id not in changes and id not in plan.skipped and occurrence.starts_at >= moment:
            yield occurrence


def _dates(plan: Plan, after: datetime, *, upto: datetime | None = None) -> Iterator[datetime]:
    starts = local(plan.starts)
    if not plan.rule:
        return iter([starts] if starts > after else [])
    found = dates(plan.rule, starts, plan.zone, after=after)
    return takewhile(lambda date: upto is None or date <= upto, found)

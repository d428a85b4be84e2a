"""What one of the two can do next in a mentorship, and what they wait for. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.mentorships.agreements.domain import agreements
from services.mentorships.agreements.domain.states import Agreement
from services.mentorships.checkins.domain import CheckIns
from services.mentorships.kernel.pairs import Side
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.meetings.domain import occurrences
from services.mentorships.meetings.domain.states import ANSWER_TIME, Series

Task = Literal[
    "answer_to_go_on",
    "draft_agreement",
    "sign_agreement",
    "answer_meetings",
    "record_meeting",
    "answer_check_in",
    "plan_meetings",
    "wait_for_signature",
    "wait_for_meetings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MentorshipOverview:
    """A mentorship with what belongs to it."""

    mentorship: Mentorship
    agreement: Agreement | None = None
    """None before the first draft."""
    series: Sequence[Series] = ()
    """Those that are not cancelled."""
    check_ins: CheckIns | None = None
    """None before the first agreement."""


def tasks(overview: MentorshipOverview, side: Side, *, now: datetime) -> Sequence[Task]:
    """The most urgent first; those that only wait for the other person are last."""
    found = [*_of_mentorship(overview), *_of_agreement(overview, side), *_of_meetings(overview, side, now)]
    if any(check_in.answer_of(side) is None for check_in in (overview.check_ins.opened if overview.check_ins else ())):
        found.append("answer_check_in")
    return sorted(set(found), key=_ORDER.index)


def next_meeting(overview: MentorshipOverview, *, now: datetime) -> datetime | None:
    """When the two meet next, by what they have agreed."""
    agreed = [(each, each.plan) for each in overview.series if each.state == "agreed" and each.plan is not None]
    coming = (next(occurrences.from_then_on(plan, each.changes, now), None) for each, plan in agreed)
    return min((occurrence.starts_at for occurrence in coming if occurrence is not None), default=None)


_ORDER: Sequence[Task] = (
    "answer_to_go_on",
    "answer_meetings",
    "sign_agreement",
    "record_meeting",
    "answer_check_in",
    "draft_agreement",
    "plan_meetings",
    "wait_for_signature",
    "wait_for_meetings",
)


def _of_mentorship(overview: MentorshipOverview) -> Iterator[Task]:
    if overview.mentorship.is_open and overview.mentorship.silence == "asked":
        yield "answer_to_go_on"


def _of_agreement(overview: MentorshipOverview, side: Side) -> Iterator[Task]:
    if not overview.mentorship.is_open:
        return
    if overview.agreement is None or overview.agreement.state == "none":
        yield "draft_agreement"
    elif "sign" in agreements.possible(overview.agreement, overview.mentorship, side):
        yield "sign_agreement"
    elif overview.agreement.proposal is not None:
        yield "wait_for_signature"


def _of_meetings(overview: MentorshipOverview, side: Side, now: datetime) -> Iterator[Task]:
    if not overview.mentorship.is_open or overview.mentorship.is_paused:
        return
    if not overview.series:
        yield "plan_meetings"
    for series in overview.series:
        if "agree" in series.possible(side):
            yield "answer_meetings"
        elif series.proposal is not None:
            yield "wait_for_meetings"
        if _is_unrecorded(series, now):
            yield "record_meeting"


def _is_unrecorded(series: Series, now: datetime) -> bool:
    """Whether a meeting is over, and within its week nobody has said whether it was held."""
    if series.plan is None or series.state != "agreed":
        return False
    over = now - series.plan.length
    begun = occurrences.between(series.plan, series.changes, over - ANSWER_TIME, over)
    return any(occurrence.id not in series.outcomes for occurrence in begun)

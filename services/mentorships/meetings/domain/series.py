"""A meeting series of a mentorship, from proposal to end. Pure decisions; instants are in UTC.

One proposes a plan, the other agrees or proposes another one. A change of an agreed plan is proposed in the same way,
and the old plan holds until both agree. Either may move or cancel a single meeting, and say whether it was held. What
nobody says within a week is unknown, not missed.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.mentorships.kernel.pairs import Decided, Pair, Side
from services.mentorships.meetings.domain import duties, occurrences
from services.mentorships.meetings.domain.duties import Duties
from services.mentorships.meetings.domain.occurrences import CANCELLED, Occurrence
from services.mentorships.meetings.domain.plans import Plan, require_start
from services.mentorships.meetings.domain.states import (
    MACHINE,
    REMINDER,
    HeldMeeting,
    Outcome,
    Proposal,
    Series,
    State,
)
from services.mentorships.meetings.domain.versions import (
    about,
    about_with_times,
    calendar_change,
    due_at,
    first_start,
    in_calendars,
    next_to_remind,
    next_unsettled,
    next_version,
    other_of,
    settles_at,
    still_coming,
    too_near_to_remind,
)
from services.mentorships.meetings.domain.zones import LOCAL, gap_error, instant
from shared.contracts.meetings import (
    MeetingAgreed,
    MeetingCancelled,
    MeetingChanged,
    MeetingDeclined,
    MeetingHeld,
    MeetingMissed,
    MeetingProposed,
    MeetingReminded,
    MeetingSkipped,
    MeetingUnknown,
)
from shared.errors import Conflict, FieldError, NotFound, Rejected

_MOST_CHANGES = 200
_FURTHEST_MOVE = timedelta(days=366)


def propose(plan: Plan, *, id: str, mentorship: str, pair: Pair, by: Side, now: datetime) -> Decided[Series]:
    require_start(plan, now=now)
    new = Series(
        id=id,
        mentorship=mentorship,
        pair=pair,
        proposal=Proposal(plan=plan, by=by),
        settled_to=now,
        changed_at=now,
    )
    return Decided(state=new, event=MeetingProposed(recipients=other_of(new, by), **about(new)))


def counter(series: Series, plan: Plan, *, by: Side, now: datetime) -> Decided[Series]:
    """Replaces the open proposal, one's own or the other person's; the other side has to agree."""
    MACHINE.after(series.state, "counter")
    if series.plan is None or plan.timing != series.plan.timing:
        require_start(plan, now=now)
    after = next_version(series, now, proposal=Proposal(plan=plan, by=by))
    return Decided(state=after, event=MeetingProposed(recipients=other_of(after, by), **about(after)))


def agree(series: Series, *, by: Side, now: datetime) -> Decided[Series]:
    """The other's proposal comes into force."""
    state = MACHINE.after(series.state, "agree")
    proposal = _proposal(series)
    if proposal.by == by:
        raise Conflict("own_proposal", "this is your own proposal: the other person has to agree")
    plan = proposal.plan
    is_new_timing = series.plan is None or plan.timing != series.plan.timing
    if is_new_timing and next(occurrences.from_then_on(plan, {}, now), None) is None:
        raise Conflict("proposal_over", "all proposed meetings are over: propose a later time")
    timing = (
        {"changes": {}, "skips": {}, "settled_to": now, "reminded": too_near_to_remind(plan, now)}
        if is_new_timing
        else {}
    )
    after = next_version(series, now, state=state, proposal=None, plan=plan, **timing, **calendar_change(series, now))
    event = MeetingAgreed(starts_at=first_start(plan), recipients=after.pair.both, **about_with_times(after))
    return Decided(state=after, event=event)


def decline(series: Series, *, by: Side, now: datetime) -> Decided[Series]:
    """Without an agreed plan, that is the end of the series; else the agreed plan stays in force."""
    state = MACHINE.after(series.state, "decline")
    _proposal(series)
    if state == "cancelled":
        return _cancelled(series, reason="declined", recipients=other_of(series, by), now=now)
    after = next_version(series, now, proposal=None)
    return Decided(state=after, event=MeetingDeclined(recipients=other_of(after, by), **about(after)))


def move(series: Series, id: str, *, starts: datetime, now: datetime) -> Decided[Series] | None:
    """Moves one coming meeting to another local time."""
    MACHINE.after(series.state, "change_one")
    plan, found = series.in_force, _movable(series, id, now)
    starts = starts.replace(second=0, microsecond=0)
    gap = gap_error("starts", starts, plan.zone)
    starts_at = instant(starts, plan.zone)
    if gap is None and not now < starts_at <= found.starts_at + _FURTHEST_MOVE:
        gap = FieldError("starts", "must be after now, and within a year of the meeting")
    if gap is not None:
        raise Rejected("meeting_time_invalid", "the meeting was not moved: see errors", (gap,))
    return _change_one(series, found, starts.strftime(LOCAL), starts_at, now=now)


def respect_duties(series: Series, busy: Duties, *, now: datetime) -> Decided[Series] | None:
    """Leaves out the meetings to come that fall into a duty, and brings back those whose duty is gone. Both are
    notified of the first one that is newly left out; None where nothing changes.
    """
    if series.state != "agreed" or series.plan is None:
        return None
    begun = {id: skip for id, skip in series.skips.items() if instant(occurrences.local(id), series.plan.zone) <= now}
    skips = {**begun, **duties.skips(series, series.plan, busy, now=now)}
    if skips == series.skips:
        return None
    after = next_version(
        series, now, skips=skips, changes=duties.left_out(series, skips), **calendar_change(series, now)
    )
    new = min((id for id in skips if id not in series.skips), default=None)
    return Decided(state=after, event=_skipped(after, series.plan, new) if new is not None else None)


def _skipped(series: Series, plan: Plan, id: str) -> MeetingSkipped:
    skip = series.skips[id]
    return MeetingSkipped(
        starts_at=instant(occurrences.local(id), plan.zone),
        instead_at=instant(occurrences.local(skip.instead), plan.zone) if skip.instead else None,
        reason=skip.reason,
        recipients=series.pair.both,
        **about_with_times(series),
    )


def cancel_one(series: Series, id: str, *, now: datetime) -> Decided[Series] | None:
    MACHINE.after(series.state, "change_one")
    if series.changes.get(id) == CANCELLED:
        return None
    return _change_one(series, _coming(series, id, now), CANCELLED, None, now=now)


def record(series: Series, id: str, outcome: Outcome, *, by: Side, now: datetime) -> Decided[Series] | None:
    """The first answer counts, but who says that a missed meeting was held corrects it. None changes nothing."""
    MACHINE.after(series.state, "record")
    found = _meeting(series, id)
    if found.starts_at > now or (series.suspended_at is not None and found.starts_at >= series.suspended_at):
        raise Conflict("meeting_not_begun", "this meeting has not taken place yet: say so once it has begun")
    known = series.outcomes.get(id)
    if known == outcome:
        return None
    if known == "held":
        raise Conflict("meeting_held", "this meeting is recorded as held already")
    minutes, held = series.in_force.minutes, series.held
    if outcome == "held":
        held = (*held, HeldMeeting(starts_at=found.starts_at, minutes=minutes))
    after = next_version(series, now, outcomes={**series.outcomes, id: outcome}, held=held)
    kind = MeetingHeld if outcome == "held" else MeetingMissed
    event = kind(starts_at=found.starts_at, minutes=minutes, recipients=other_of(after, by), **about(after))
    return Decided(state=after, event=event)


def suspend(series: Series, *, now: datetime) -> Decided[Series] | None:
    """Follows a pause of the mentorship, of which both are notified."""
    if not MACHINE.allows(series.state, "suspend"):
        return None
    state = MACHINE.after(series.state, "suspend")
    return Decided(state=next_version(series, now, state=state, suspended_at=now, **calendar_change(series, now)))


def resume(series: Series, *, now: datetime) -> Decided[Series] | None:
    """Meetings that the pause left out are cancelled."""
    if not MACHINE.allows(series.state, "resume") or series.suspended_at is None:
        return None
    state, left_out = MACHINE.after(series.state, "resume"), {}
    if series.plan is not None:
        missed = occurrences.between(series.plan, series.changes, series.suspended_at, now)
        left_out = {occurrence.id: CANCELLED for occurrence in missed}
    changes = {**series.changes, **left_out}
    return Decided(
        state=next_version(series, now, state=state, suspended_at=None, changes=changes, **calendar_change(series, now))
    )


def cancel(series: Series, *, by: Side, now: datetime) -> Decided[Series]:
    MACHINE.after(series.state, "cancel")
    return _cancelled(series, reason="cancelled", recipients=in_calendars(series) or other_of(series, by), now=now)


def end(series: Series, *, goes_on: bool, now: datetime) -> Decided[Series] | None:
    """Follows the end of the mentorship. Both are notified of meetings that are in their calendars. `goes_on`: another
    series continues it, because one of the two has moved.
    """
    if not MACHINE.allows(series.state, "cancel"):
        return None
    reason = "member_moved" if goes_on else "mentorship_ended"
    return _cancelled(series, reason=reason, recipients=in_calendars(series), now=now)


def continue_elsewhere(
    series: Series, *, id: str, mentorship: str, pair: Pair, is_paused: bool, now: datetime
) -> Decided[Series] | None:
    """The meetings to come, and an open proposal, for the mentorship that continues this one's. Past meetings stay
    where they took place. None where nothing is left.
    """
    plan = occurrences.rest_of(series.plan, now) if series.plan is not None else None
    if plan is None and series.proposal is None:
        return None
    kept = {at: starts for at, starts in series.changes.items() if plan is not None and at >= plan.starts}
    state: State = "proposed_suspended" if is_paused else "proposed"
    if plan is not None:
        state = "suspended" if is_paused else "agreed"
    new = Series(
        id=id,
        mentorship=mentorship,
        pair=pair,
        state=state,
        proposal=series.proposal,
        plan=plan,
        changes=kept,
        skips={at: skip for at, skip in series.skips.items() if at in kept},
        reminded=too_near_to_remind(plan, now) if plan is not None else (),
        settled_to=now,
        suspended_at=now if is_paused else None,
        changed_at=now,
    )
    new = replace(new, due_at=due_at(new, now))
    if plan is None:
        return Decided(state=new, event=MeetingProposed(**about(new)))
    event = MeetingAgreed(
        starts_at=instant(occurrences.local(plan.starts), plan.zone), recipients=pair.both, **about_with_times(new)
    )
    return Decided(state=new, event=event)


def pass_time(series: Series, now: datetime) -> Decided[Series] | None:
    """The next step that is due; None where none is. After an outage no meeting of the past is reminded of."""
    if series.due_at is None or series.due_at > now:
        return None
    due = next_to_remind(series, now)
    if due is not None and due.starts_at - REMINDER <= now:
        reminded = (*still_coming(series, now), due.id)
        event = MeetingReminded(starts_at=due.starts_at, recipients=series.pair.both, **about(series))
        return Decided(state=next_version(series, now, reminded=reminded), event=event)
    unsettled = next_unsettled(series)
    if unsettled is not None and settles_at(series, unsettled) <= now:
        after = next_version(series, now, settled_to=unsettled.starts_at, unknown=(*series.unknown, unsettled.id))
        return Decided(state=after, event=MeetingUnknown(starts_at=unsettled.starts_at, **about(after)))
    return Decided(state=next_version(series, now))


def _change_one(
    series: Series, found: Occurrence, starts: str, starts_at: datetime | None, *, now: datetime
) -> Decided[Series] | None:
    if series.changes.get(found.id, found.id) == starts:
        return None
    if len(series.changes) >= _MOST_CHANGES:
        raise Conflict("too_many_changes", "too many single meetings were changed: propose another plan")
    changes = {**series.changes, found.id: starts}
    skips = {id: skip for id, skip in series.skips.items() if id != found.id}
    after = next_version(series, now, changes=changes, skips=skips, **calendar_change(series, now))
    event = MeetingChanged(
        starts_at=found.starts_at, moved_to=starts_at, recipients=after.pair.both, **about_with_times(after)
    )
    return Decided(state=after, event=event)


def _cancelled(series: Series, *, reason: str, recipients: tuple[Any, ...], now: datetime) -> Decided[Series]:
    after = next_version(series, now, state="cancelled", proposal=None, reason=reason, **calendar_change(series, now))
    return Decided(state=after, event=MeetingCancelled(reason=reason, recipients=recipients, **about_with_times(after)))


def _proposal(series: Series) -> Proposal:
    if series.proposal is None:
        raise Conflict("nothing_proposed", "there is no open proposal")
    return series.proposal


def _meeting(series: Series, id: str) -> Occurrence:
    found = occurrences.find(series.in_force, series.changes, id)
    if found is None:
        raise NotFound("meeting_not_found", "there is no meeting at this time in the series")
    return found


def _movable(series: Series, id: str, now: datetime) -> Occurrence:
    """A coming meeting, or one that a duty leaves out."""
    if id in series.skips:
        starts_at = instant(occurrences.local(id), series.in_force.zone)
        if starts_at > now:
            return Occurrence(starts_at, id)
    return _coming(series, id, now)


def _coming(series: Series, id: str, now: datetime) -> Occurrence:
    found = _meeting(series, id)
    if found.starts_at <= now:
        raise Conflict("meeting_begun", "this meeting has begun: say whether it was held or missed")
    return found

"""A meeting series: each state and command, single meetings, reminders, and meetings without an answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.mentorships.kernel.pairs import Decided
from services.mentorships.meetings.domain import occurrences, series
from services.mentorships.meetings.domain.states import MACHINE, Series
from shared.contracts.meetings import MeetingCancelled, MeetingChanged, MeetingReminded, MeetingUnknown
from shared.errors import Conflict, NotFound, Rejected
from tests.unit.mentorships_meetings import (
    agreed,
    cancelled,
    known,
    plan,
    proposed,
    suspended,
    with_counter_proposal,
)
from tests.unit.mentorships_people import DAY, NOW

FIRST_ID, SECOND_ID = "2027-02-05T17:00", "2027-03-05T17:00"
FIRST_AT = datetime(2027, 2, 5, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
IN_STATE: dict[str, Callable[[], Series]] = {
    "proposed": proposed,
    "proposed_suspended": lambda: suspended(proposed()),
    "agreed": agreed,
    "suspended": lambda: suspended(agreed()),
    "cancelled": cancelled,
}
COMMANDS: dict[str, Callable[[Series], Decided[Series] | None]] = {
    "counter": lambda known: series.counter(known, plan(minutes=60), by="mentor", now=NOW),
    "agree": lambda known: series.agree(known, by="mentee" if known.plan else "mentor", now=NOW),
    "decline": lambda known: series.decline(known, by="mentor", now=NOW),
    "change_one": lambda known: series.cancel_one(known, FIRST_ID, now=NOW),
    "record": lambda known: series.record(known, FIRST_ID, "held", by="mentor", now=FIRST_AT + HOUR),
    "suspend": lambda known: series.suspend(known, now=NOW),
    "resume": lambda known: series.resume(known, now=NOW + 2 * DAY),
    "cancel": lambda known: series.cancel(known, by="mentee", now=NOW),
}
FOLLOWS_MENTORSHIP = {"suspend", "resume"}


def passed(known: Series, now: datetime) -> Decided[Series]:
    decided = series.pass_time(known, now)
    assert decided is not None
    return decided


def test_the_table_has_every_state_and_command() -> None:
    assert set(IN_STATE) == set(MACHINE.states)
    assert set(COMMANDS) == set(MACHINE.moves)


@pytest.mark.parametrize("state", IN_STATE)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_moves_the_states_that_the_table_names_and_no_other(state: str, command: str) -> None:
    before = IN_STATE[state]()
    assert before.state == state
    if command in ("agree", "decline") and state == "agreed":
        before = with_counter_proposal()
    if (state, command) == ("suspended", "record"):
        before = known(series.suspend(agreed(), now=FIRST_AT + 2 * HOUR))
    if MACHINE.allows(state, command):
        after = known(COMMANDS[command](before))
        assert (after.state, after.version) == (MACHINE.moves[command][state], before.version + 1)
    elif command in FOLLOWS_MENTORSHIP:
        assert COMMANDS[command](before) is None
    else:
        with pytest.raises(Conflict, match=state.replace("_", " ")):
            COMMANDS[command](before)


@pytest.mark.parametrize("command", ["agree", "change_one", "suspend", "cancel"])
def test_what_calendars_show_raises_the_sequence(command: str) -> None:
    before = with_counter_proposal() if command == "agree" else agreed()
    assert known(COMMANDS[command](before)).sequence == before.sequence + 1


def test_a_proposal_and_an_answer_leave_the_sequence() -> None:
    before = agreed()
    assert {known(COMMANDS[command](before)).sequence for command in ("counter", "record")} == {before.sequence}


def test_own_and_missing_proposals_cannot_be_agreed_to() -> None:
    with pytest.raises(Conflict) as own:
        series.agree(proposed(), by="mentee", now=NOW)
    with pytest.raises(Conflict) as none:
        series.agree(agreed(), by="mentee", now=NOW)
    assert (own.value.code, none.value.code) == ("own_proposal", "nothing_proposed")


def test_an_agreement_to_meetings_that_are_over_is_refused() -> None:
    single = proposed(plan(""))
    with pytest.raises(Conflict, match="over"):
        series.agree(single, by="mentor", now=FIRST_AT + HOUR)


def test_a_change_of_place_keeps_moved_meetings_and_a_new_time_does_not() -> None:
    moved = known(series.move(agreed(), FIRST_ID, starts=datetime(2027, 2, 8, 17), now=NOW))
    assert moved.plan is not None
    elsewhere = plan()
    same = series.agree(series.counter(moved, elsewhere, by="mentor", now=NOW).state, by="mentee", now=NOW).state
    later = series.agree(
        series.counter(moved, plan(minutes=60), by="mentor", now=NOW).state, by="mentee", now=NOW
    ).state
    assert (dict(same.changes), dict(later.changes)) == ({FIRST_ID: "2027-02-08T17:00"}, {})


def test_a_moved_meeting_is_announced_with_both_times() -> None:
    decided = series.move(agreed(), FIRST_ID, starts=datetime(2027, 2, 8, 9), now=NOW)
    assert decided is not None
    assert isinstance(decided.event, MeetingChanged)
    assert decided.event.starts_at == FIRST_AT
    assert decided.event.moved_to == datetime(2027, 2, 8, 8, tzinfo=UTC)
    assert [person.member for person in decided.event.recipients] == ["mia", "ada"]
    assert decided.event.times is not None
    assert (decided.event.times.sequence, decided.event.times.changes) == (2, {FIRST_ID: "2027-02-08T09:00"})
    assert series.move(decided.state, FIRST_ID, starts=datetime(2027, 2, 8, 9), now=NOW) is None


@pytest.mark.parametrize("starts", [datetime(2026, 12, 1, 9), datetime(2029, 1, 1, 9), datetime(2027, 3, 28, 2, 30)])
def test_a_meeting_is_not_moved_into_the_past_far_away_or_into_a_skipped_hour(starts: datetime) -> None:
    with pytest.raises(Rejected) as refused:
        series.move(agreed(), FIRST_ID, starts=starts, now=NOW)
    assert [error.field for error in refused.value.errors] == ["starts"]


@pytest.mark.parametrize("id", ["2027-02-06T17:00", "2027-02-05T16:00", "9999-02-05T17:00", "2027-02-30T17:00"])
def test_what_is_no_meeting_of_the_series_is_not_found(id: str) -> None:
    with pytest.raises(NotFound):
        series.cancel_one(agreed(), id, now=NOW)


def test_a_cancelled_meeting_cannot_be_held() -> None:
    without = known(series.cancel_one(agreed(), FIRST_ID, now=NOW))
    assert series.cancel_one(without, FIRST_ID, now=NOW) is None
    with pytest.raises(NotFound):
        series.record(without, FIRST_ID, "held", by="mentee", now=FIRST_AT + HOUR)


def test_missed_is_corrected_by_held_and_not_the_other_way_round() -> None:
    missed = known(series.record(agreed(), FIRST_ID, "missed", by="mentee", now=FIRST_AT + HOUR))
    held = known(series.record(missed, FIRST_ID, "held", by="mentor", now=FIRST_AT + HOUR))
    assert held.outcomes == {FIRST_ID: "held"}
    assert series.record(held, FIRST_ID, "held", by="mentee", now=FIRST_AT + HOUR) is None
    with pytest.raises(Conflict):
        series.record(held, FIRST_ID, "missed", by="mentee", now=FIRST_AT + HOUR)


def test_a_held_meeting_keeps_its_length_when_a_later_plan_has_another() -> None:
    held = known(series.record(agreed(), FIRST_ID, "held", by="mentee", now=FIRST_AT + HOUR))
    later_plan = plan(starts=datetime.fromisoformat(SECOND_ID), minutes=90)
    longer = known(series.counter(held, later_plan, by="mentor", now=FIRST_AT + HOUR))
    later = known(series.agree(longer, by="mentee", now=FIRST_AT + HOUR))
    second = known(series.record(later, SECOND_ID, "held", by="mentee", now=FIRST_AT + 40 * DAY))
    assert [(meeting.starts_at, meeting.minutes) for meeting in second.held] == [
        (FIRST_AT, 45),
        (FIRST_AT + 28 * DAY, 90),
    ]


def test_a_day_before_a_meeting_both_are_reminded_once() -> None:
    before = agreed()
    assert before.due_at == FIRST_AT - DAY
    decided = passed(before, FIRST_AT - DAY)
    assert isinstance(decided.event, MeetingReminded)
    assert [person.member for person in decided.event.recipients] == ["mia", "ada"]
    assert series.pass_time(decided.state, FIRST_AT - HOUR) is None


def test_a_reminded_meeting_that_is_moved_is_not_reminded_again() -> None:
    reminded = passed(agreed(), FIRST_AT - DAY).state
    moved = known(series.move(reminded, FIRST_ID, starts=datetime(2027, 2, 12, 17), now=FIRST_AT - HOUR))
    assert moved.due_at == FIRST_AT + 7 * DAY + HOUR * 24 * 7 + timedelta(minutes=45)


def test_after_an_outage_a_past_meeting_is_not_reminded_of() -> None:
    decided = passed(agreed(), FIRST_AT + HOUR)
    assert (decided.event, decided.state.due_at) == (None, FIRST_AT + 7 * DAY + timedelta(minutes=45))


def test_a_meeting_without_an_answer_for_a_week_is_unknown_and_not_missed() -> None:
    decided = passed(agreed(), FIRST_AT + 8 * DAY)
    assert isinstance(decided.event, MeetingUnknown)
    assert decided.event.recipients == ()
    assert decided.state.outcomes == {}
    assert decided.state.unknown == (FIRST_ID,)
    assert decided.state.due_at == datetime(2027, 3, 4, 16, tzinfo=UTC)


def test_a_meeting_agreed_shortly_before_has_no_reminder() -> None:
    soon = plan("", starts=datetime(2027, 1, 4, 20))
    assert series.agree(proposed(soon), by="mentor", now=NOW).state.due_at == datetime(2027, 1, 11, 19, 45, tzinfo=UTC)


def test_a_pause_leaves_out_its_meetings_and_stops_reminders() -> None:
    paused = suspended(agreed())
    assert paused.due_at is None
    resumed = known(series.resume(paused, now=datetime(2027, 4, 1, tzinfo=UTC)))
    assert resumed.plan is not None
    coming = next(occurrences.from_then_on(resumed.plan, resumed.changes, NOW))
    assert (coming.id, dict(resumed.changes)) == ("2027-04-02T17:00", {FIRST_ID: "", SECOND_ID: ""})


def test_a_meeting_during_a_pause_cannot_be_held() -> None:
    with pytest.raises(Conflict):
        series.record(suspended(agreed()), FIRST_ID, "held", by="mentee", now=FIRST_AT + HOUR)


def test_the_end_of_a_mentorship_cancels_what_is_in_calendars_and_notifies_both_of_that_only() -> None:
    decided = series.end(agreed(), goes_on=False, now=NOW)
    assert decided is not None
    assert isinstance(decided.event, MeetingCancelled)
    assert (decided.state.reason, decided.state.due_at) == ("mentorship_ended", None)
    assert decided.event.recipients == agreed().pair.both
    assert decided.event.times is not None
    assert series.end(decided.state, goes_on=False, now=NOW) is None
    unseen = series.end(proposed(), goes_on=False, now=NOW)
    assert unseen is not None
    assert isinstance(unseen.event, MeetingCancelled)
    assert (unseen.event.recipients, unseen.event.times) == ((), None)

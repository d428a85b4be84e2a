"""A mentorship from introduction to end: each state and command, and what time does."""

from collections.abc import Callable
from datetime import datetime

import pytest

from services.mentorships.kernel.pairs import Decided
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.domain import MACHINE, Mentorship
from shared.contracts.mentorships import (
    IntroductionEnding,
    MentorshipBegan,
    MentorshipEnded,
    MentorshipQuestioned,
    MentorshipReturnDue,
    MentorshipSilent,
    PeriodEnding,
)
from shared.errors import Conflict, Rejected
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW, PAIR, active, ended, introduction, paused

IN_STATE: dict[str, Callable[[], Mentorship]] = {
    "introduction": introduction,
    "introduction_paused": lambda: paused(introduction()),
    "active": active,
    "paused": lambda: paused(active()),
    "ended": ended,
}
COMMANDS: dict[str, Callable[[Mentorship], Decided[Mentorship] | None]] = {
    "agree": lambda mentorship: domain.agree(mentorship, ends_at=None, interval_days=30, now=NOW),
    "leave": lambda mentorship: domain.leave(mentorship, now=NOW),
    "pause": lambda mentorship: domain.pause(mentorship, reason="by_mentee", now=NOW),
    "plan_return": lambda mentorship: domain.plan_return(mentorship, returns_at=NOW + DAY, by="mentee", now=NOW),
    "resume": lambda mentorship: domain.resume(mentorship, now=NOW),
    "meet": lambda mentorship: domain.meet(mentorship, met_at=NOW),
    "go_on": lambda mentorship: domain.go_on(mentorship, by="mentee", now=NOW),
    "close": lambda mentorship: domain.close(mentorship, reason="no_time", already_notified=(), now=NOW),
}
FOLLOWS_MATCHING = {"pause", "resume", "close", "meet"}
"""Commands that are no person's, and change nothing where they are not allowed."""


def passed(mentorship: Mentorship, now: datetime) -> Decided[Mentorship]:
    decided = domain.pass_time(mentorship, now)
    assert decided is not None
    return decided


def due(mentorship: Mentorship) -> datetime:
    assert mentorship.due_at is not None
    return mentorship.due_at


def test_the_table_has_every_state_and_command() -> None:
    assert set(IN_STATE) == set(MACHINE.states)
    assert {*COMMANDS, "run_out"} == set(MACHINE.moves)


@pytest.mark.parametrize("state", IN_STATE)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_moves_the_states_that_the_table_names_and_no_other(state: str, command: str) -> None:
    mentorship = IN_STATE[state]()
    assert mentorship.state == state
    if MACHINE.allows(state, command):
        decided = COMMANDS[command](mentorship)
        assert (decided.state.state if decided else state) == MACHINE.moves[command][state]
    elif command in FOLLOWS_MATCHING:
        assert COMMANDS[command](mentorship) is None
    else:
        with pytest.raises(Conflict, match=state.replace("_", " ")) as refused:
            COMMANDS[command](mentorship)
        assert all(word.replace("_", " ") in refused.value.message for word in MACHINE.commands(state))


def test_it_begins_as_an_introduction_and_both_are_notified() -> None:
    decided = domain.begin(PAIR, id="m", introduction_days=30, opened_at=NOW, now=NOW + DAY)
    assert decided.state.introduction_ends_at == NOW + 30 * DAY
    assert isinstance(decided.event, MentorshipBegan)
    assert {person.member for person in decided.event.recipients} == {"mia", "ada"}


@pytest.mark.parametrize("days", [0, 30])
def test_without_an_introduction_or_after_its_time_it_is_active_at_once(days: int) -> None:
    state = domain.begin(PAIR, id="m", introduction_days=days, opened_at=NOW, now=NOW + 31 * DAY).state
    assert (state.state, state.introduction_ends_at) == ("active", None)


def test_who_left_an_introduction_is_in_no_event() -> None:
    event = domain.leave(introduction(), now=NOW).event
    assert isinstance(event, MentorshipEnded)
    assert (event.reason, event.was_introduction) == ("introduction_left", True)
    assert event.recipients == (MIA.as_recipient, ADA.as_recipient)
    assert set(type(event).model_fields) == {
        *("mentorship", "programme", "mentee", "mentor", "recipients", "reason", "was_introduction")
    }


def test_an_introduction_without_an_agreement_ends_after_a_notice() -> None:
    mentorship = introduction()
    assert mentorship.due_at == NOW + 23 * DAY
    noticed = passed(mentorship, due(mentorship))
    assert isinstance(noticed.event, IntroductionEnding)
    over = passed(noticed.state, due(noticed.state))
    assert (over.state.reason, over.state.ended_at) == ("introduction_over", NOW + 30 * DAY)


def test_after_an_outage_an_introduction_still_ends_no_sooner_than_a_week_after_its_notice() -> None:
    late = NOW + 60 * DAY
    noticed = passed(introduction(), late)
    assert noticed.state.due_at == late + 7 * DAY
    assert domain.pass_time(noticed.state, late) is None


def test_after_a_long_silence_both_are_reminded_then_asked_and_then_it_lapses() -> None:
    steps = [passed(active(), NOW + 60 * DAY)]
    while steps[-1].state.is_open:
        steps.append(passed(steps[-1].state, due(steps[-1].state)))
    assert [type(step.event) for step in steps] == [MentorshipSilent, MentorshipQuestioned, MentorshipEnded]
    assert steps[-1].state.ended_at == NOW + 88 * DAY


@pytest.mark.parametrize(
    "answer",
    [
        lambda mentorship, now: domain.go_on(mentorship, by="mentor", now=now),
        lambda mentorship, now: domain.meet(mentorship, met_at=now),
    ],
    ids=["go on", "meet"],
)
def test_an_answer_or_a_meeting_ends_the_silence(
    answer: Callable[[Mentorship, datetime], Decided[Mentorship]],
) -> None:
    asked = passed(passed(active(), NOW + 60 * DAY).state, NOW + 74 * DAY).state
    answered = answer(asked, NOW + 75 * DAY).state
    assert (answered.silence, answered.due_at) == (None, NOW + 135 * DAY)


def test_a_meeting_of_the_past_does_not_shorten_what_counts_from_a_later_answer() -> None:
    mentorship = active()
    met = domain.meet(mentorship, met_at=NOW - 10 * DAY)
    assert met is not None
    assert met.state.silence_from == NOW


def test_a_pause_stops_all_clocks() -> None:
    mentorship = paused(active(ends_at=NOW + 100 * DAY))
    assert mentorship.due_at is None
    resumed = domain.resume(mentorship, now=NOW + 50 * DAY)
    assert resumed is not None
    assert (resumed.state.ends_at, resumed.state.due_at) == (NOW + 150 * DAY, NOW + 110 * DAY)
    in_introduction = domain.resume(paused(introduction()), now=NOW + 5 * DAY)
    assert in_introduction is not None
    assert in_introduction.state.introduction_ends_at == NOW + 35 * DAY


def test_a_planned_return_wakes_a_pause_once() -> None:
    planned = domain.plan_return(paused(active()), returns_at=NOW + 90 * DAY, by="mentor", now=NOW)
    assert planned is not None
    woken = passed(planned.state, NOW + 91 * DAY)
    assert isinstance(woken.event, MentorshipReturnDue)
    assert (woken.state.state, woken.state.due_at) == ("paused", None)


@pytest.mark.parametrize("days", [0, -1, 800])
def test_a_return_in_the_past_or_far_away_is_refused(days: int) -> None:
    with pytest.raises(Rejected) as refused:
        domain.plan_return(paused(active()), returns_at=NOW + days * DAY, by="mentee", now=NOW)
    assert [error.field for error in refused.value.errors] == ["returns_on"]


def test_an_agreed_period_ends_after_a_notice_and_an_extension_moves_it() -> None:
    mentorship = active(ends_at=NOW + 55 * DAY, interval_days=60)
    noticed = passed(mentorship, NOW + 25 * DAY)
    assert isinstance(noticed.event, PeriodEnding)
    assert passed(noticed.state, NOW + 55 * DAY).state.reason == "period_over"
    extended = domain.agree(noticed.state, ends_at=NOW + 400 * DAY, interval_days=60, now=NOW + 30 * DAY).state
    assert (extended.period_notice_at, extended.due_at) == (None, NOW + 150 * DAY)


def test_whom_matching_has_notified_of_the_end_gets_no_second_notice() -> None:
    closed = domain.close(active(), reason="no_time", already_notified=(MIA.as_recipient,), now=NOW)
    assert closed is not None
    assert isinstance(closed.event, MentorshipEnded)
    assert (closed.event.recipients, closed.event.reason) == ((ADA.as_recipient,), "no_time")


def test_each_decision_raises_the_version_by_one() -> None:
    mentorship = introduction()
    for command in ("pause", "resume", "agree", "close"):
        decided = COMMANDS[command](mentorship)
        assert decided is not None
        assert decided.state.version == mentorship.version + 1
        mentorship = decided.state

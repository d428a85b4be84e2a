"""What each of the two can do next, and what is shown to them as possible."""

import pytest

from services.mentorships.agreements.domain import agreements
from services.mentorships.agreements.domain.states import Agreement
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.checkins import domain as checkins
from services.mentorships.kernel.pairs import Side
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.messages.domain import Thread
from services.mentorships.tasks.domain import MentorshipOverview, next_meeting, tasks
from tests.unit import mentorships_meetings as meetings
from tests.unit.mentorships_people import DAY, NOW, PAIR, active, ended, introduction, paused

TEMPLATE = AgreementTemplate(programme="residency", institution="north").translated("en")


def drafted() -> Agreement:
    empty = Agreement(id="a", mentorship="m", pair=PAIR)
    return agreements.draft(empty, introduction(), TEMPLATE, principles="", by="mentee", now=NOW).agreement.state


def signed_by(side: Side) -> Agreement:
    signed = agreements.sign(drafted(), introduction(), number=1, by=side, now=NOW)
    assert signed is not None
    return signed.agreement.state


def test_a_new_mentorship_needs_an_agreement_and_a_meeting() -> None:
    assert tasks(MentorshipOverview(mentorship=introduction()), "mentee", now=NOW) == [
        "draft_agreement",
        "plan_meetings",
    ]


def test_after_a_withdrawn_draft_an_agreement_is_needed_again() -> None:
    withdrawn = agreements.withdraw(drafted(), introduction(), number=1, by="mentee", now=NOW)
    assert withdrawn is not None
    course = MentorshipOverview(
        mentorship=introduction(), agreement=withdrawn.agreement.state, series=[meetings.agreed()]
    )
    assert list(tasks(course, "mentor", now=NOW)) == ["draft_agreement"]


@pytest.mark.parametrize(("side", "task"), [("mentee", "wait_for_signature"), ("mentor", "sign_agreement")])
def test_who_has_signed_waits_for_the_other(side: Side, task: str) -> None:
    course = MentorshipOverview(mentorship=introduction(), agreement=signed_by("mentee"), series=[meetings.agreed()])
    assert list(tasks(course, side, now=NOW)) == [task]


@pytest.mark.parametrize(("side", "task"), [("mentee", "wait_for_meetings"), ("mentor", "answer_meetings")])
def test_a_proposal_of_meetings_waits_for_the_other_side(side: Side, task: str) -> None:
    course = MentorshipOverview(mentorship=active(), agreement=drafted(), series=[meetings.proposed()])
    assert task in tasks(course, side, now=NOW)


def test_a_meeting_that_is_over_is_to_be_recorded_for_a_week() -> None:
    series = meetings.agreed()
    course = MentorshipOverview(mentorship=active(), series=[series])
    first = next_meeting(course, now=NOW)
    assert first is not None
    assert "record_meeting" not in tasks(course, "mentor", now=first)
    assert "record_meeting" in tasks(course, "mentor", now=first + DAY)
    assert "record_meeting" not in tasks(course, "mentor", now=first + 9 * DAY)


def test_an_open_check_in_waits_for_each_answer_even_after_the_end() -> None:
    begun = checkins.start(PAIR, mentorship="m", now=NOW).state
    over = checkins.finish(begun, now=NOW).state
    assert list(tasks(MentorshipOverview(mentorship=ended(), check_ins=over), "mentor", now=NOW)) == ["answer_check_in"]
    given = checkins.Answer(by="mentor", at=NOW, ratings=(4, 4, 4, 4, 4))
    answered = checkins.answer(over, period="end", given=given)
    assert answered is not None
    assert list(tasks(MentorshipOverview(mentorship=ended(), check_ins=answered.state), "mentor", now=NOW)) == []


def test_the_question_after_a_silence_comes_first() -> None:
    silent = active()
    for _ in range(2):
        assert silent.due_at is not None
        decided = lifecycle.pass_time(silent, silent.due_at)
        assert decided is not None
        silent = decided.state
    assert tasks(MentorshipOverview(mentorship=silent), "mentee", now=NOW)[0] == "answer_to_go_on"
    assert "go_on" in lifecycle.possible(silent)
    assert "go_on" not in lifecycle.possible(active())


def test_a_pause_asks_for_no_meetings() -> None:
    assert "plan_meetings" not in tasks(MentorshipOverview(mentorship=paused(active())), "mentee", now=NOW)
    suspended = MentorshipOverview(mentorship=paused(active()), series=[meetings.suspended(meetings.agreed())])
    assert next_meeting(suspended, now=NOW) is None


def test_what_is_possible_follows_the_state() -> None:
    assert lifecycle.possible(introduction()) == ("leave", "pause", "close")
    assert lifecycle.possible(paused(active())) == ("plan_return", "resume", "close")
    assert lifecycle.possible(ended()) == ()


def test_a_side_signs_once_and_not_after_the_end() -> None:
    assert agreements.possible(signed_by("mentee"), introduction(), "mentee") == ("propose", "withdraw")
    assert agreements.possible(signed_by("mentee"), introduction(), "mentor") == ("propose", "sign")
    assert agreements.possible(signed_by("mentee"), ended(), "mentor") == ()


def test_a_side_cannot_agree_to_its_own_proposal() -> None:
    assert "agree" not in meetings.proposed().possible("mentee")
    assert {"agree", "decline", "counter"} <= set(meetings.proposed().possible("mentor"))
    assert "decline" not in meetings.agreed().possible("mentor")


def test_a_block_of_the_other_side_is_not_shown() -> None:
    thread = Thread(pair=PAIR, is_open=True, blocked_by=("mentor",), messages=0)
    assert thread.lets_write("mentee")
    assert not thread.lets_write("mentor")

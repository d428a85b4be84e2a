"""Check-ins: when they open, who may still answer, and what totals say."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mentorships.checkins import domain
from services.mentorships.checkins.domain import RATINGS, STATEMENTS, Answer, CheckIns, Period, Rating
from services.mentorships.kernel.pairs import Decided, Side
from shared.contracts.mentorships import CheckInAnswered, CheckInOpened
from shared.errors import Conflict, NotFound
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW, PAIR

FOURS: tuple[Rating, ...] = (4, 4, 4, 4, 4)


def begun() -> CheckIns:
    return domain.start(PAIR, mentorship="m", now=NOW).state


def opened(check_ins: CheckIns, now: datetime) -> Decided[CheckIns]:
    decided = domain.pass_time(check_ins, now)
    assert decided is not None
    return decided


def given_by(side: Side, at: datetime = NOW, **changed: object) -> Answer:
    return Answer(**{"by": side, "at": at, "ratings": FOURS, **changed})  # type: ignore[arg-type]


def periods(check_ins: CheckIns) -> list[Period]:
    return [check_in.period for check_in in check_ins.opened]


def test_they_open_after_30_90_and_180_days_for_both() -> None:
    check_ins = begun()
    for days in (30, 90, 180):
        assert check_ins.due_at == NOW + days * DAY
        decided = opened(check_ins, NOW + days * DAY)
        assert isinstance(decided.event, CheckInOpened)
        assert decided.event.recipients == (MIA.as_recipient, ADA.as_recipient)
        check_ins = decided.state
    assert (periods(check_ins), check_ins.due_at) == (["day_30", "day_90", "day_180"], None)


def test_after_an_outage_people_are_asked_once() -> None:
    late = opened(begun(), NOW + 100 * DAY).state
    assert (periods(late), late.due_at) == (["day_90"], NOW + 180 * DAY)
    assert domain.pass_time(late, NOW + 100 * DAY) is None


def test_a_pause_moves_them_by_its_length() -> None:
    stopped = domain.pause(begun(), now=NOW + 10 * DAY).state
    assert (stopped.due_at, domain.pass_time(stopped, NOW + 60 * DAY)) == (None, None)
    resumed = domain.resume(stopped, now=NOW + 50 * DAY)
    assert resumed is not None
    assert resumed.state.due_at == NOW + 70 * DAY


def test_at_the_end_the_last_one_opens_and_no_other_follows() -> None:
    over = domain.finish(begun(), now=NOW + 20 * DAY).state
    assert (periods(over), over.due_at) == (["end"], None)
    assert domain.answer(over, period="end", given=given_by("mentee", NOW + 90 * DAY)) is not None


def test_an_answer_notifies_the_other_only_if_they_read_it() -> None:
    check_ins = opened(begun(), NOW + 30 * DAY).state
    for is_joint, recipients in ((True, (ADA.as_recipient,)), (False, ())):
        decided = domain.answer(check_ins, period="day_30", given=given_by("mentee", is_joint=is_joint))
        assert decided is not None
        assert isinstance(decided.event, CheckInAnswered)
        assert decided.event.recipients == recipients


def test_an_answer_can_be_corrected_for_14_days_from_the_first() -> None:
    check_ins = opened(begun(), NOW + 30 * DAY).state
    first = domain.answer(check_ins, period="day_30", given=given_by("mentee"))
    assert first is not None
    assert domain.answer(first.state, period="day_30", given=given_by("mentee", NOW + DAY)) is None
    corrected = domain.answer(first.state, period="day_30", given=given_by("mentee", NOW + 14 * DAY, comment="Better"))
    assert corrected is not None
    [kept] = corrected.state.check_in("day_30").answers
    assert (kept.comment, kept.at) == ("Better", NOW)
    with pytest.raises(Conflict, match="14 days"):
        domain.answer(corrected.state, period="day_30", given=given_by("mentee", NOW + 15 * DAY))


def test_a_check_in_that_is_not_open_yet_cannot_be_answered() -> None:
    with pytest.raises(NotFound):
        domain.answer(begun(), period="day_30", given=given_by("mentee"))


ANSWERS = st.lists(st.tuples(*[st.sampled_from(RATINGS)] * 5), max_size=23)


@given(ANSWERS)
def test_no_single_answer_changes_a_total_that_is_shown(answers: list[tuple[Rating, ...]]) -> None:
    """Totals change only with every fifth answer, so that no two of them differ by one answer."""
    all_ = [("day_30", given_by("mentee", ratings=ratings)) for ratings in answers]
    shown = [domain.totals(all_[:count]) for count in range(len(all_) + 1)]
    changes = [count for count in range(1, len(shown)) if shown[count] != shown[count - 1]]
    assert all(count % domain.LEAST_ANSWERS == 0 for count in changes)
    for totals in shown[: domain.LEAST_ANSWERS]:
        assert totals == []


def test_totals_are_means_by_statement() -> None:
    answers = [("end", given_by("mentor", ratings=(5, 4, 3, 2, 1)))] * 5
    totals = domain.totals(answers)
    assert [total.statement for total in totals] == list(STATEMENTS["mentor"])
    assert [total.mean for total in totals] == [5, 4, 3, 2, 1]
    assert {total.answers for total in totals} == {5}

"""When a rotation counts, where, and until when; what is refused; what follows between the two."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel.pairs import Pair, Party
from services.matching.mentoring.domain import relationships, requests
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.rotations import domain as assessments
from services.matching.rotations.domain import Entry, Rotation, Window
from shared.errors import Conflict, FieldError
from tests.unit.matching_people import CARE, NORTH, SOUTH, mentee, mentor, policy

MARCH = Entry(external="r-1", assessor="mara", assessed="ana", begins=date(2027, 3, 1), ends=date(2027, 3, 31))
NOW = datetime(2027, 1, 1, tzinfo=UTC)
PAIR = Pair(
    programme=CARE, mentee=Party(member="ana", institution=NORTH), mentor=Party(member="mara", institution=NORTH)
)
TOGETHER = Relationship(id="together", pair=PAIR, since=NOW)


def rotation(entry: Entry = MARCH) -> Rotation:
    entered = assessments.enter(None, entry, institution=NORTH, now=NOW)
    assert isinstance(entered, Rotation)
    return entered


def window(programme: str = CARE, *, lookback: int = 30, lookahead: int = 10) -> Window:
    return Window(programme=programme, lookback=timedelta(days=lookback), lookahead=timedelta(days=lookahead))


def moment(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2027, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "counts", "due"),
    [
        (moment(1, 1), 0, moment(2, 19)),
        (moment(2, 18, 23), 0, moment(2, 19)),
        (moment(2, 19), 1, moment(5, 1)),
        (moment(3, 31, 23), 1, moment(5, 1)),
        (moment(4, 30, 23), 1, moment(5, 1)),
        (moment(5, 1), 0, None),
    ],
)
def test_a_rotation_counts_from_some_days_before_it_until_some_days_after(
    now: datetime, counts: int, due: datetime | None
) -> None:
    counted = assessments.count(rotation(), [window()], now=now)
    assert (len(counted.programmes), counted.due_at, counted.version) == (counts, due, 1 + counts)


def test_a_rotation_is_due_at_the_earliest_change_in_any_programme() -> None:
    windows = [window("short", lookback=0, lookahead=0), window("long", lookback=90, lookahead=90)]
    counted = assessments.count(rotation(), windows, now=NOW)
    assert (counted.programmes, counted.due_at) == (frozenset({"long"}), moment(3, 1))


@given(hours=st.lists(st.integers(0, 24 * 400), max_size=6), lookback=st.integers(0, 200), lookahead=st.integers(0, 90))
def test_evaluating_a_rotation_when_due_equals_evaluating_it_always(
    hours: list[int], lookback: int, lookahead: int
) -> None:
    windows, known = [window(lookback=lookback, lookahead=lookahead), window("other")], rotation()
    for now in [NOW + timedelta(hours=hour) for hour in sorted(hours)]:
        while known.due_at is not None and known.due_at <= now:
            known = assessments.count(known, windows, now=known.due_at)
        assert known.programmes == assessments.count(known, windows, now=now).programmes


def test_a_withdrawn_rotation_counts_nowhere_and_may_be_entered_again() -> None:
    counting = assessments.count(rotation(), [window()], now=moment(3, 1))
    void = assessments.take_back(counting, now=moment(3, 2))
    assert assessments.take_back(void, now=moment(3, 2)) is void
    gone = assessments.count(void, [window()], now=moment(3, 2))
    assert (gone.programmes, gone.due_at, gone.version) == (frozenset(), None, counting.version + 2)
    again = assessments.enter(gone, MARCH, institution=NORTH, now=moment(3, 3))
    assert isinstance(again, Rotation)
    assert CARE in assessments.count(again, [window()], now=moment(3, 3)).programmes


def test_entering_a_rotation_again_may_change_its_days_and_not_its_people() -> None:
    known = rotation()
    assert assessments.enter(known, MARCH, institution=NORTH, now=NOW) is known
    longer = assessments.enter(known, replace(MARCH, ends=date(2027, 4, 30)), institution=NORTH, now=NOW)
    assert isinstance(longer, Rotation)
    assert (longer.version, longer.due_at) == (2, NOW)
    assert isinstance(assessments.enter(known, replace(MARCH, assessed="ben"), institution=NORTH, now=NOW), FieldError)


@pytest.mark.parametrize(
    ("entry", "fields"),
    [
        (MARCH, []),
        (replace(MARCH, ends=MARCH.begins), []),
        (replace(MARCH, assessor="far"), ["assessor"]),
        (replace(MARCH, assessor="ana"), ["assessed"]),
        (replace(MARCH, ends=date(2027, 2, 28)), ["to"]),
        (replace(MARCH, ends=date(9999, 12, 31)), ["to"]),
        (replace(MARCH, assessor="far", assessed="nobody"), ["assessor", "assessed"]),
        (replace(MARCH, assessor="partners"), []),
        (replace(MARCH, assessed="partners"), []),
        (replace(MARCH, assessor="partners", assessed="also-partners"), ["assessor"]),
    ],
)
def test_an_invalid_rotation_is_refused_with_the_reason(entry: Entry, fields: list[str]) -> None:
    known = {"ana": NORTH, "mara": NORTH, "partners": SOUTH, "also-partners": SOUTH}
    assert [error.field for error in assessments.wrong(entry, institution=NORTH, known=known)] == fields


def test_a_conflict_notifies_both_people_and_prevents_resuming() -> None:
    found = relationships.find_conflict(TOGETHER, reason="assessment")
    assert found.event is not None
    assert [recipient.member for recipient in found.event.recipients] == ["ana", "mara"]
    assert (found.state.conflict, found.state.version, found.state.takes_seat) == ("assessment", 2, True)
    paused = relationships.pause(found.state, by="mentor").state
    with pytest.raises(Conflict, match="cannot be matched at the moment"):
        relationships.resume(paused, by="mentor", mentee=mentee(), mentor=mentor("mara"), policy=policy())
    cleared = relationships.clear_conflict(paused).state
    assert (
        relationships.resume(cleared, by="mentor", mentee=mentee(), mentor=mentor("mara"), policy=policy()).state.state
        == "active"
    )


def test_a_conflict_ends_a_pending_request_without_showing_the_reason() -> None:
    asked = Request(id="asked", pair=PAIR, message="", asked_at=NOW, due_at=NOW + timedelta(days=14))
    ended = requests.retract(asked, reason="assessment", now=NOW)
    assert (ended.state.state, ended.state.published_reason) == ("withdrawn", "not_available")
    assert ended.event is not None
    assert [recipient.member for recipient in ended.event.recipients] == ["ana"], (
        "recipients do not tell an assessment apart"
    )

"""Which changes the demo makes, so that what it follows is sure to happen."""

import pytest

from deploy.demo.api import NeverArrived
from deploy.demo.following import Known, last_seat, new_topics
from deploy.demo.founding import Enrolled
from deploy.demo.listening import Heard
from deploy.demo.reading import Shortlist, Suggested
from shared.contracts.envelope import Envelope, Trace
from shared.contracts.matching import Ranked, SuggestionsChanged


def mentor(id: str, *topics: str, capacity: int = 2) -> Enrolled:
    return enrolled(id, mentor_in=("p",), topics_offered=topics, capacity=capacity)


def mentee(id: str, *topics: str) -> Enrolled:
    return enrolled(id, mentee_in=("p",), topics_wanted=topics)


def enrolled(id: str, **fields: object) -> Enrolled:
    nothing = {
        "external_id": None,
        "institution": "st-anna",
        "mentee_in": (),
        "mentor_in": (),
        "capacity": 0,
        "topics_wanted": (),
        "topics_offered": (),
        "has_sign_in": True,
    }
    return Enrolled(id=id, **{**nothing, **fields})  # type: ignore[arg-type]


def shortlist(mentee: str, *mentors: str) -> Shortlist:
    return Shortlist(
        programme="p",
        mentee=mentee,
        institution="st-anna",
        suggested=tuple(
            Suggested(mentor=one, institution="st-anna", rank=rank, percent=50, reasons=("Because.",))
            for rank, one in enumerate(mentors, 1)
        ),
        unmatched=None,
        explanation="",
    )


def known(people: list[Enrolled], *lists: Shortlist) -> Known:
    return Known(members={one.id: one for one in people}, lists=lists)


def heard(*, mentee: str, left: tuple[str, ...]) -> Heard:
    payload = SuggestionsChanged(
        enrolment=f"p.{mentee}",
        programme="p",
        mentee=mentee,
        institution="st-anna",
        version=2,
        ranked=(Ranked(mentor="other", institution="st-anna", rank=1),),
        left=left,
        cause="others_change",
    )
    envelope = Envelope(
        id="e",
        type=payload.TYPE,
        institution="st-anna",
        subject=payload.aggregate,
        sequence=2,
        time=None,
        trace=Trace(correlation_id="c"),
    )
    return Heard("matching.events", envelope, payload, 0.0)


def test_new_topics_are_those_of_the_second_mentor_and_none_of_the_first_s() -> None:
    people = [mentor("first", "a", "b"), mentor("second", "b", "c", "d", "e"), mentee("me", "e")]
    change = new_topics(known(people, shortlist("me", "first", "second")))
    assert change.body == {"topics_wanted": ["c", "d"]}
    assert (change.who.id, list(change.lists)) == ("me", ["p.me"])


def test_where_no_list_can_be_turned_the_demo_says_so() -> None:
    people = [mentor("first", "a"), mentee("me", "e")]
    with pytest.raises(NeverArrived, match="too small"):
        new_topics(known(people, shortlist("me", "first")))


def test_the_seat_that_is_closed_is_the_most_wanted_of_those_who_have_one() -> None:
    people = [mentor("busy", capacity=3), mentor("wanted", capacity=1), mentor("rare", capacity=1)]
    lists = [shortlist("a", "busy", "wanted", "rare"), shortlist("b", "wanted", "busy"), shortlist("c", "busy")]
    change = last_seat(known(people, *lists))
    assert (change.who.id, change.body) == ("wanted", {"capacity": 0})
    assert set(change.lists) == {"p.a", "p.b"}
    assert change.watched.mentee == "b"


def test_a_network_without_a_wanted_last_seat_is_too_small() -> None:
    with pytest.raises(NeverArrived, match="too small"):
        last_seat(known([mentor("busy", capacity=3), mentor("rare", capacity=1)], shortlist("a", "busy")))


def test_a_list_counts_as_rematched_only_when_the_mentor_left_it() -> None:
    people = [mentor("wanted", capacity=1)]
    change = last_seat(known(people, shortlist("a", "wanted")))
    assert change.is_rematch(heard(mentee="a", left=("wanted",)))
    assert not change.is_rematch(heard(mentee="a", left=("somebody-else",)))
    assert not change.is_rematch(heard(mentee="b", left=("wanted",)))

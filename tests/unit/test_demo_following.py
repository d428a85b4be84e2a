"""Which changes the demo makes, so that what it follows is sure to happen."""

import pytest

from deploy.api_client import NeverArrived
from deploy.demo.following import last_seat, new_topics
from deploy.demo.founding import Member
from deploy.demo.listening import Event
from deploy.demo.reading import Shortlist, Suggested
from shared.contracts.envelope import Envelope, Trace
from shared.contracts.matching import Ranked, SuggestionsChanged
from shared.contracts.profiles import Enrolment, Role


def mentor(id: str, *topics: str, capacity: int = 2) -> Member:
    return member(id, "mentor", offers=topics, capacity=capacity)


def mentee(id: str, *topics: str) -> Member:
    return member(id, "mentee", wants=topics)


def member(
    id: str, role: Role, *, offers: tuple[str, ...] = (), wants: tuple[str, ...] = (), capacity: int = 0
) -> Member:
    return Member(
        id=id,
        institution="st-anna",
        external_id=None,
        enrolments=(Enrolment(programme="p", roles=(role,)),),
        capacity=capacity,
        topics_wanted=wants,
        topics_offered=offers,
        has_sign_in=True,
    )


def shortlist(mentee: str, *mentors: str) -> Shortlist:
    return Shortlist(
        programme="p",
        mentee=mentee,
        institution="st-anna",
        items=tuple(
            Suggested(mentor=mentor, institution="st-anna", rank=rank, match=50, reasons=("Because.",))
            for rank, mentor in enumerate(mentors, 1)
        ),
    )


def network(*members: Member) -> dict[str, Member]:
    return {member.id: member for member in members}


def changed_list(*, mentee: str, left: tuple[str, ...]) -> Event:
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
    return Event("matching.events", envelope, payload, 0.0)


def test_the_demo_mentee_asks_for_topics_that_only_the_second_mentor_offers() -> None:
    members = network(mentor("first", "a", "b"), mentor("second", "b", "c", "d", "e"), mentee("me", "e"))
    change = new_topics(members, [shortlist("me", "first", "second")])
    assert change.body == {"topics_wanted": ["c", "d"]}
    assert (change.member.id, list(change.lists)) == ("me", ["p.me"])


def test_without_a_list_that_can_be_reordered_the_network_is_too_small() -> None:
    with pytest.raises(NeverArrived, match="too small"):
        new_topics(network(mentor("first", "a"), mentee("me", "e")), [shortlist("me", "first")])


def test_the_seat_that_is_closed_is_the_most_wanted_of_those_who_have_one() -> None:
    members = network(mentor("busy", capacity=3), mentor("wanted", capacity=1), mentor("rare", capacity=1))
    lists = [shortlist("a", "busy", "wanted", "rare"), shortlist("b", "wanted", "busy"), shortlist("c", "busy")]
    change = last_seat(members, lists)
    assert (change.member.id, change.body) == ("wanted", {"capacity": 0})
    assert set(change.lists) == {"p.a", "p.b"}
    assert change.followed.mentee == "b"


def test_a_network_without_a_wanted_last_seat_is_too_small() -> None:
    with pytest.raises(NeverArrived, match="too small"):
        last_seat(network(mentor("busy", capacity=3), mentor("rare", capacity=1)), [shortlist("a", "busy")])


def test_a_list_counts_as_changed_only_when_the_mentor_left_it() -> None:
    change = last_seat(network(mentor("wanted", capacity=1)), [shortlist("a", "wanted")])
    assert change.explains(changed_list(mentee="a", left=("wanted",)))
    assert not change.explains(changed_list(mentee="a", left=("another",)))
    assert not change.explains(changed_list(mentee="b", left=("wanted",)))

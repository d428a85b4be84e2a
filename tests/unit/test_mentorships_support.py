"""Confidential support: who may hear, what events say, and what coordinators see."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.support import domain
from services.mentorships.support.domain import KINDS, Hearer, Kind, Question, Support
from shared.contracts.mentorships import HearerListed, SupportChanged
from shared.errors import Conflict, Forbidden
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW, PAIR

OMA = Party(member="oma", institution="east")


def asked(hearer: Party = OMA, *, kind: Kind = "discrimination", open_requests: int = 0) -> Decided[Support]:
    question = Question(hearer=hearer, kind=kind, text="It is about my ward.")
    return domain.ask(question, PAIR, mentorship="m", id="s", open_requests=open_requests, now=NOW)


def known(decided: Decided[Support] | None) -> Support:
    assert decided is not None
    return decided.state


def test_a_person_hears_neither_themselves_nor_members_whom_they_assess() -> None:
    assert domain.may_hear(OMA, mentee=MIA, assessors={"ada"})
    assert not domain.may_hear(ADA, mentee=MIA, assessors={"ada"})
    assert not domain.may_hear(MIA, mentee=MIA, assessors=())


def test_an_event_names_only_who_is_notified_and_not_what_it_is_about() -> None:
    answered = domain.answer(asked().state, text="Call me.", now=NOW)
    refused = domain.refuse(asked().state, now=NOW)
    for decided, recipient in ((asked(), OMA), (answered, MIA), (refused, MIA)):
        assert decided is not None
        assert isinstance(decided.event, SupportChanged)
        assert decided.event.recipients == (recipient.as_recipient,)
    assert set(SupportChanged.model_fields) == {"support", "institution", "recipients"}


def test_each_reading_is_recorded_and_the_first_one_stays() -> None:
    support = asked().state
    for day in range(150):
        support = known(domain.read(support, now=NOW + day * DAY))
    assert (support.reads[0], support.reads[-1], len(support.reads)) == (NOW, NOW + 149 * DAY, 100)


def test_what_was_written_is_deleted_when_the_mentee_closes_it() -> None:
    support = known(domain.close(known(domain.answer(asked().state, text="Call me.", now=NOW)), now=NOW))
    assert (support.text, support.answer) == ("", "")
    assert domain.close(support, now=NOW) is None
    assert domain.refuse(support, now=NOW) is None
    for act in (lambda: domain.read(support, now=NOW), lambda: domain.answer(support, text="Later.", now=NOW)):
        with pytest.raises(Conflict, match="closed"):
            act()


def test_a_refusal_and_the_same_answer_again_change_nothing_twice() -> None:
    support = known(domain.answer(known(domain.refuse(asked().state, now=NOW)), text="Call me.", now=NOW))
    assert domain.refuse(support, now=NOW) is None
    assert domain.answer(support, text="Call me.", now=NOW) is None


def test_open_requests_are_limited() -> None:
    with pytest.raises(Conflict):
        asked(open_requests=domain.MAX_OPEN)


def listed(listed: int = 0) -> tuple[Hearer, HearerListed]:
    return domain.list_hearer(id="h", institution="north", person=OMA, role="ombudsperson", note="", listed=listed)


def test_a_listed_person_is_notified_and_accepts_unless_they_coordinate_there() -> None:
    hearer, event = listed()
    assert (hearer.accepted_at, event.recipients) == (None, (OMA.as_recipient,))
    with pytest.raises(Forbidden):
        domain.accept(hearer, coordinates=True, now=NOW)
    accepted = domain.accept(hearer, coordinates=False, now=NOW)
    assert accepted is not None
    assert (accepted.accepted_at, accepted.version) == (NOW, 2)
    assert domain.accept(accepted, coordinates=False, now=NOW) is None
    with pytest.raises(Conflict):
        listed(domain.MAX_HEARERS)


@given(st.lists(st.sampled_from(KINDS), max_size=40), st.sampled_from(KINDS))
def test_numbers_are_multiples_of_five_and_never_more_than_there_are(kinds: list[Kind], more: Kind) -> None:
    shown = domain.numbers(kinds)
    assert all(shown[kind] % 5 == 0 and kinds.count(kind) - 5 < shown[kind] <= kinds.count(kind) for kind in KINDS)
    if kinds.count(more) % 5 < 4:
        assert domain.numbers([*kinds, more]) == shown


def test_a_request_holds_no_reason_for_a_refusal() -> None:
    assert not [field.name for field in fields(Support) if "assess" in field.name or "reason" in field.name]

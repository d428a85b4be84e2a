"""Pairs that a coordinator adds and ends: the same hard rules as a round, and both members are notified."""

from dataclasses import replace
from typing import Any

import pytest

from services.matching.mentoring.domain import by_hand, relationships
from services.matching.mentoring.domain.by_hand import WantedPair
from services.matching.mentoring.domain.requests import Situation
from shared.contracts.matching import RelationshipClosed, RelationshipOpened
from shared.errors import Conflict, DomainError, NotFound
from tests.unit.matching_people import CARE, NORTH, SOUTH, mentee, mentor, policy
from tests.unit.test_matching_requests import ANA, DAY, MILO, NOW, pending, situation, together

WANTED = WantedPair(id="s", programme=CARE, institution=NORTH, mentee="ana", mentor="milo")


def match(where: Situation) -> list[Any]:
    return list(by_hand.match_by_hand(WANTED, where, now=NOW))


def test_a_pair_takes_a_seat_and_both_are_notified() -> None:
    [begun] = match(situation())
    assert (begun.seats, begun.state.state, begun.state.request) == (1, "active", None)
    assert isinstance(begun.event, RelationshipOpened)
    assert begun.event.recipients == (ANA.as_recipient, MILO.as_recipient)


def test_a_pair_ends_the_requests_that_an_acceptance_would_end() -> None:
    asked = [pending("own"), pending("other", whom="mara")]
    competing = [pending("own"), pending("rival", who="ben")]
    _, *settled = match(situation(asked=asked, competing_requests=competing))
    reasons = {decided.state.id: decided.state.reason for decided in settled}
    assert reasons == {"own": "matched_by_coordinator", "other": "matched_elsewhere", "rival": "mentor_full"}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (situation(mentee=None), (NotFound, "mentee_not_found")),
        (situation(mentee=mentee(institution=SOUTH)), (NotFound, "mentee_not_found")),
        (situation(mentor=None), (NotFound, "mentor_not_found")),
        (situation(mentor=mentor(institution=SOUTH)), (NotFound, "mentor_not_found")),
        (situation(are_together=True), (Conflict, "already_together")),
        (situation(mentee=mentee(mentee_in=frozenset())), (Conflict, "not_a_mentee")),
        (situation(mentor=mentor(mentors_in=frozenset())), (Conflict, "not_a_mentor")),
        (situation(mentor=mentor(is_active=False)), (Conflict, "not_a_mentor")),
        (situation(mentee=mentee(is_paused=True)), (Conflict, "mentee_paused")),
        (situation(mentee=mentee(topics_wanted=frozenset())), (Conflict, "mentee_incomplete")),
        (situation(mentor=replace(mentor(capacity=2), taken=2)), (Conflict, "mentor_full")),
        (situation(mentor=mentor(languages=frozenset({"fi"}))), (Conflict, "no_common_language")),
        (situation(mentor=mentor(formats=frozenset({"phone"}))), (Conflict, "no_common_format")),
        (situation(mentor=mentor(never=("ana",))), (Conflict, "pair_not_possible")),
        (situation(mentee=mentee(never=("milo",))), (Conflict, "pair_not_possible")),
        (situation(mentor=mentor(is_paused=True)), (Conflict, "pair_not_possible")),
        (situation(mentee=replace(mentee(), kept_from=frozenset({"milo"}))), (Conflict, "pair_not_possible")),
        (situation(mentee=replace(mentee(), firewall={CARE: frozenset({"milo"})})), (Conflict, "pair_not_possible")),
    ],
)
def test_every_hard_rule_holds_and_private_reasons_have_one_code(
    where: Situation, expected: tuple[type[DomainError], str]
) -> None:
    with pytest.raises(DomainError) as refused:
        match(where)
    assert (type(refused.value), refused.value.code) == expected


def test_an_ended_pair_frees_its_seat_and_separates_the_two_without_displacing_the_mentee() -> None:
    ended = relationships.end_by_coordinator(together(), reason="not_a_fit", policy=policy(), now=NOW)
    assert (ended.seats, ended.state.state, ended.displaces) == (-1, "closed", None)
    assert ended.state.due_at == NOW + 365 * DAY
    assert isinstance(ended.event, RelationshipClosed)
    assert ended.event.recipients == (ANA.as_recipient, MILO.as_recipient)


def test_a_closed_pair_is_not_ended_again() -> None:
    with pytest.raises(Conflict):
        relationships.end_by_coordinator(together(state="closed"), reason="no_time", policy=policy(), now=NOW)

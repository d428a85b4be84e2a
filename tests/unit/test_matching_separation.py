"""How long two people whose mentoring was closed are kept apart, and who may end that by asking."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from services.matching.kernel import rules
from services.matching.kernel.pairs import Decided
from services.matching.kernel.participants import Bond, Person, Programme
from services.matching.kernel.shards import SHARDS
from services.matching.mentoring.domain import relationships, requests
from services.matching.mentoring.domain.relationships import ClosingReason, Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.repository.pairs import bond_of_relationship, pair_write, relationship_of
from services.matching.suggestions.index.network import Network
from shared.contracts import profiles
from shared.contracts.matching import MentorRequested
from shared.contracts.profiles import DEFAULT_SEPARATION_DAYS
from shared.errors import Conflict
from shared.mongo import InsertOne
from tests.unit.matching_people import CARE, mentee, mentor, policy
from tests.unit.test_matching_requests import NOW, close, together

DAYS = timedelta(days=1)
LATER = NOW + 5000 * DAYS


def bond(relationship: Relationship) -> Bond:
    """As the index reads it from the store."""
    written = pair_write(replace(relationship, version=1), event="e", correlation="c")
    assert isinstance(written, InsertOne)
    document = {**written._doc, "version": relationship.version}
    assert relationship_of(document) == relationship
    return bond_of_relationship(document)


def is_suggested(relationship: Relationship, *, who: str = "ana", whom: str = "milo") -> bool:
    network = Network()
    network.hold(range(SHARDS))
    known = policy()
    both = frozenset({CARE})
    people = [mentee(who, mentors_in=both).member, mentor(whom, mentee_in=both).member]
    for state in (*known.institutions.values(), known.programme, *people, bond(relationship)):
        network.put(state)
    return whom in network.pool(CARE).shortlist(who).mentors


def ended(relationship: Relationship) -> Relationship:
    """When its time is over."""
    passed = relationships.pass_time(relationship, now=LATER)
    return passed.state if passed else relationship


def test_every_reason_for_closing_has_a_default() -> None:
    of_mentorships = {"introduction_left", "introduction_over", "lapsed", "period_over"}
    reasons = {*get_args(ClosingReason), "repaired", *of_mentorships}
    assert reasons == DEFAULT_SEPARATION_DAYS.keys() == set(get_args(profiles.ClosingReason))


@pytest.mark.parametrize("reason", get_args(ClosingReason))
def test_the_same_two_are_not_suggested_again_before_the_programmes_time_is_over(reason: ClosingReason) -> None:
    closed = close(together(), reason=reason, policy=policy(separation_days={"no_time": 30})).state
    assert not is_suggested(closed)
    assert not is_suggested(closed, who="milo", whom="ana")
    days = {**DEFAULT_SEPARATION_DAYS, "no_time": 30}[reason]
    if not isinstance(days, int):
        assert not is_suggested(ended(closed))
        return
    assert relationships.pass_time(closed, now=NOW + days * DAYS - timedelta(seconds=1)) is None
    over = relationships.pass_time(closed, now=NOW + days * DAYS)
    assert over is not None
    assert (over.event, over.state.version) == (None, closed.version + 1)
    assert is_suggested(over.state)
    assert is_suggested(over.state, who="milo", whom="ana")


def test_a_programme_may_set_no_time_or_all_time() -> None:
    days: dict[str, Any] = {"not_a_fit": 0, "goals_reached": "forever"}
    assert is_suggested(close(together(), reason="not_a_fit", policy=policy(separation_days=days)).state)
    closed = close(together(), reason="goals_reached", policy=policy(separation_days=days)).state
    assert not is_suggested(ended(closed))
    assert not closed.allows_repeat


def test_a_bystander_moved_by_a_repair_is_separated_from_their_former_mentor() -> None:
    moved = relationships.close_for_repair(together(), policy=policy(), now=NOW).state
    assert not is_suggested(moved)
    assert is_suggested(ended(moved))


@pytest.mark.parametrize("reason", get_args(ClosingReason))
def test_a_permanent_separation_shows_nowhere(reason: ClosingReason) -> None:
    """Not now, and not when the time of the reason is over: versions are entity tags."""
    for at in (NOW, LATER):
        outcomes = []
        for never_again in (False, True):
            closed: Decided[Relationship] = close(together(), reason=reason, never_again=never_again)
            passed = relationships.pass_time(closed.state, now=at)
            state = passed.state if passed else closed.state
            assert never_again <= state.separates
            outcomes.append((closed.event, passed and passed.event, replace(state, is_apart_for_good=False)))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("reason", sorted({*get_args(ClosingReason)} - {"conflict_of_interest"}))
def test_a_wish_after_the_closing_outlasts_its_time_and_changes_no_shown_version(reason: ClosingReason) -> None:
    before = close(together(), reason=reason).state
    wished = relationships.keep_apart(before)
    assert wished is not None
    assert (wished.event, wished.seats, wished.state.shown_version) == (None, 0, before.shown_version)
    assert wished.state.version == before.version + 1
    assert not is_suggested(ended(wished.state))
    assert ended(wished.state).shown_version == ended(before).shown_version
    assert relationships.keep_apart(wished.state) is None
    assert relationships.keep_apart(together()) is None
    assert relationships.keep_apart(close(together(), reason="conflict_of_interest").state) is None, "apart for good"


def asking(**fields: Any) -> Situation:
    who: Person = replace(mentee(), kept_from=frozenset({"milo"}), **fields)
    return Situation(policy=policy(), mentee=who, mentor=mentor(), asked=(), had_mentoring=True)


def test_after_a_good_ending_the_mentee_may_ask_again_as_a_repeat_request() -> None:
    where = asking(may_ask_again=frozenset({"milo"}))
    asked = requests.request("r", programme=CARE, mentor="milo", message="", situation=where, now=NOW)
    assert isinstance(asked.event, MentorRequested)
    assert (asked.state.is_repeat, asked.event.repeat) == (True, True)
    accepting = replace(where, asked=[asked.state])
    assert requests.accept(asked.state, situation=accepting, relationship="s", now=NOW)[1].seats == 1
    assert where.mentee is not None
    assert rules.broken(where.mentee, mentor(), policy()) == "not_available"


def test_after_other_endings_a_request_is_refused_as_if_the_mentor_were_full() -> None:
    refusals = []
    full = replace(asking(), mentee=mentee(), mentor=mentor(capacity=0))
    for where in (asking(), full):
        with pytest.raises(Conflict) as refused:
            requests.request("r", programme=CARE, mentor="milo", message="", situation=where, now=NOW)
        refusals.append((refused.value.code, refused.value.message))
    assert refusals[0] == refusals[1]


def test_a_first_request_is_not_a_repeat() -> None:
    where = Situation(policy=policy(), mentee=mentee(), mentor=mentor(), asked=())
    asked = requests.request("r", programme=CARE, mentor="milo", message="", situation=where, now=NOW)
    assert isinstance(asked.event, MentorRequested)
    assert (asked.state.is_repeat, asked.event.repeat) == (False, False)


def test_a_separation_holds_in_every_programme() -> None:
    other = Programme(id="other", institution="north", admits=frozenset({"north"}))
    network = Network()
    network.hold(range(SHARDS))
    both = frozenset({CARE, "other"})
    people = [mentee(mentee_in=both).member, mentor(mentors_in=both).member]
    closed = close(together(), reason="not_a_fit").state
    for state in (*policy().institutions.values(), policy().programme, other, *people, bond(closed)):
        network.put(state)
    assert [network.pool(name).shortlist("ana").unmatched for name in (CARE, "other")] == ["not_available"] * 2

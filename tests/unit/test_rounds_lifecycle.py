"""A round's states, and how each place in it is settled: pure, one case each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.matching.kernel.pairs import Party
from services.matching.kernel.participants import Institution, Terms
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.rounds.domain import assignments as places
from services.matching.rounds.domain import lifecycle as life
from services.matching.rounds.domain.assignments import Place
from services.matching.rounds.domain.lifecycle import File, Frozen, Outcome, Round, RoundState, Solved
from services.matching.rounds.domain.overlaps import RoundsSince
from services.matching.rounds.solver.files import Compared
from services.matching.rounds.solver.words import would_change
from shared.contracts.matching import MenteeUnmatched, PairLapsed, RelationshipOpened
from shared.errors import Conflict, Rejected
from tests.unit.matching_people import CARE, NORTH, SOUTH, mentee, mentor, policy
from tests.unit.test_matching_requests import pending

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
FILE = File(key="k", size=2, sha256="0" * 64)
FROZEN = Frozen(at=NOW, input=FILE, people=FILE, policy_sha256="1" * 64, mentees=3, mentors=2)
SOLVED = Solved(input=FILE, result=FILE, solver="s", figures=Compared(fit=None, coverage=None))
ANA, MILO = Party(member="ana", institution=NORTH), Party(member="milo", institution=NORTH)


def round(state: RoundState = "draft", **fields: Any) -> Round:
    usual: dict[str, Any] = {
        "id": "spring",
        "institution": NORTH,
        "programme": CARE,
        "target": "fit",
        "list_length": 20,
        "score_band": 0,
        "compare": True,
        "orders": FILE,
        "began_at": NOW,
        "correlation": "c",
        "frozen": FROZEN,
        "solved": SOLVED,
    }
    return Round(**{**usual, "state": state, **fields})


STEPS: dict[str, tuple[Callable[[Round], Any], dict[RoundState, RoundState]]] = {
    "freeze": (lambda state: life.freeze(state, FROZEN), {"draft": "running"}),
    "solve": (lambda state: life.solve(state, SOLVED), {"running": "pending"}),
    "choose": (lambda state: life.choose(state, "coverage", correlation="d"), {"pending": "running"}),
    "publish": (lambda state: life.publish(state, RoundsSince(), correlation="d"), {"pending": "publishing"}),
    "finish": (
        lambda state: life.finish(state, Outcome(opened=2, lapsed=0, unmatched=1), now=NOW)[0],
        {"publishing": "published"},
    ),
    "drop": (life.drop, dict.fromkeys(("draft", "running", "pending"), "dropped")),
    "fail": (lambda state: life.fail(state, Rejected("x", "y")), dict.fromkeys(("draft", "running"), "dropped")),
}
STATES: tuple[RoundState, ...] = ("draft", "running", "pending", "publishing", "published", "dropped")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", STATES)
def test_each_step_leads_from_its_states_to_the_next_version_and_from_no_other(step: str, state: RoundState) -> None:
    act, allowed = STEPS[step]
    if state in allowed:
        after = act(round(state))
        assert (after.state, after.version) == (allowed[state], 2)
    else:
        with pytest.raises(Conflict, match=f"this one is {state}"):
            act(round(state))


def test_another_target_is_solved_with_the_same_participants() -> None:
    again = life.choose(round("pending", attempts=3), "coverage", correlation="d")
    assert (again.frozen, again.solved, again.attempts, again.target) == (FROZEN, None, 0, "coverage")


@pytest.mark.parametrize("state", ["draft", "running", "pending", "publishing"])
def test_a_second_open_round_of_a_programme_is_refused_with_the_id_of_the_first(state: RoundState) -> None:
    life.require_alone(round(state), round(state))
    with pytest.raises(Conflict, match=f"round spring of this programme is {state}") as refused:
        life.require_alone(round(id="autumn"), round(state))
    assert refused.value.code == "round_open"


@pytest.mark.parametrize(
    ("since_freeze", "why"),
    [
        (RoundsSince(is_superseded=True), "another round of this programme was published"),
        (RoundsSince(gives={"milo": 2, "mara": 1}, left={"milo": 1, "mara": 1}), "1 mentor has fewer seats left"),
        (RoundsSince(gives={"milo": 2, "mara": 1}, left={"milo": -1}), "2 mentors have fewer seats left"),
    ],
)
def test_a_round_whose_seats_were_taken_is_refused_with_advice(since_freeze: RoundsSince, why: str) -> None:
    with pytest.raises(Conflict, match=why) as refused:
        life.publish(round("pending"), since_freeze, correlation="d")
    assert refused.value.code == "round_outdated"
    assert "drop this round and open it again" in refused.value.message


def test_two_rounds_share_mentors_who_have_seats_for_both() -> None:
    enough = RoundsSince(gives={"milo": 2}, left={"milo": 2})
    assert life.publish(round("pending"), enough, correlation="d").state == "publishing"


def test_the_published_fact_has_hashes_and_counts_and_no_members() -> None:
    _, event = life.finish(round("publishing"), Outcome(opened=1, lapsed=1, unmatched=1), now=NOW)
    assert (event.opened, event.lapsed, event.unmatched, event.policy_sha256) == (1, 1, 1, "1" * 64)
    assert set(event.model_dump()).isdisjoint({"recipients", "mentors", "pairs"})


def place(**fields: Any) -> Place:
    usual: dict[str, Any] = {
        "id": "k.1",
        "round": "spring",
        "institution": NORTH,
        "programme": CARE,
        "mentee": ANA,
        "mentor": MILO,
        "state": "planned",
        "waiting_since": NOW,
        "order": "1",
    }
    return Place(**{**usual, **fields})


def settled(place: Place, **fields: Any) -> list[Any]:
    where = Situation(**{"policy": policy(), "mentee": mentee(), "mentor": mentor(), "asked": (), **fields})
    settlement = places.settle(place, where, relationship="s", now=NOW)
    return [settlement.place, *settlement.pair] if settlement else []


def test_a_pair_takes_its_seat_and_both_are_notified() -> None:
    opened, begun = settled(place())
    assert (opened.state.state, opened.state.relationship, opened.event) == ("opened", "s", None)
    assert isinstance(begun.state, Relationship)
    assert begun.seats == 1
    assert isinstance(begun.event, RelationshipOpened)
    assert (begun.event.round, [recipient.member for recipient in begun.event.recipients]) == (
        "spring",
        ["ana", "milo"],
    )


def test_a_settled_place_settles_the_requests_of_both_people() -> None:
    other = pending("other", whom="mara")
    elsewhere = pending("elsewhere", whom="mara", programme="else")
    rival = pending("rival", who="ben")
    asked: tuple[Request, ...] = (pending("mine"), other, elsewhere)
    after = settled(place(), asked=asked, competing_requests=(pending("mine"), rival))
    reasons = {decided.state.id: decided.state.reason for decided in after if isinstance(decided.state, Request)}
    assert reasons == {"mine": "matched_in_round", "other": "matched_elsewhere", "rival": "mentor_full"}


_EXCHANGING = (
    Institution(id=NORTH, exchanges_with=frozenset({SOUTH})),
    Institution(id=SOUTH, exchanges_with=frozenset({NORTH}), terms={NORTH: Terms(ceiling=1)}),
)
HINDRANCES: list[tuple[dict[str, Any], str, str, bool]] = [
    ({"mentors": 1}, "matched_elsewhere", "matched_elsewhere", False),
    ({"mentee": None}, "mentee_left", "mentee_left", False),
    ({"mentee": mentee(mentee_in=frozenset())}, "mentee_left", "mentee_left", False),
    ({"mentee": mentee(is_paused=True)}, "paused", "paused", False),
    ({"mentee": mentee(languages=frozenset())}, "profile_incomplete", "profile_incomplete", True),
    ({"mentor": None}, "mentor_left", "not_available", True),
    ({"mentor": mentor(is_active=False)}, "mentor_left", "not_available", True),
    ({"mentor": replace(mentor(), taken=1)}, "no_seat_left", "not_available", True),
    ({"mentor": mentor(never=("ana",))}, "not_available", "not_available", True),
    ({"mentor": mentor(languages=frozenset({"fi"}))}, "no_common_language", "not_available", True),
    (
        {"policy": replace(policy(*_EXCHANGING), given={(NORTH, SOUTH): 1}), "mentor": mentor(institution=SOUTH)},
        "exchange_full",
        "not_available",
        True,
    ),
    ({"mentee": replace(mentee(), kept_from=frozenset({"milo"}))}, "not_available", "not_available", True),
]


@pytest.mark.parametrize(("fields", "reason", "event_reason", "waits"), HINDRANCES)
def test_an_impossible_pair_lapses_with_a_reason(
    fields: dict[str, Any], reason: str, event_reason: str, *, waits: bool
) -> None:
    [lapsed] = settled(place(), **fields)
    assert (lapsed.state.state, lapsed.state.reason, lapsed.state.waits) == ("lapsed", reason, waits)
    assert isinstance(lapsed.event, PairLapsed)
    assert (lapsed.event.reason, bool(lapsed.event.recipients)) == (event_reason, waits)
    assert lapsed.displaces is None, "a mentee who never had a mentor waits with the others"


def test_an_unmatched_mentee_waits_and_is_notified_unless_matched_elsewhere() -> None:
    left = place(mentor=None, state="left", reason="outranked")
    [unmatched] = settled(left)
    assert isinstance(unmatched.event, MenteeUnmatched)
    assert (unmatched.state.state, unmatched.state.waits, unmatched.event.reason) == ("unmatched", True, "outranked")
    [quiet] = settled(left, mentors=1)
    assert (quiet.state.waits, quiet.event.recipients) == (False, ())


def test_a_mentee_who_wants_two_mentors_gets_them_one_by_one_and_no_third() -> None:
    two = mentee(mentors_wanted=2)
    asked = (pending("other", whom="mara"),)
    first, *_, kept = settled(place(), mentee=two, asked=asked)
    assert first.state.state == "opened"
    assert isinstance(kept.state, Relationship), "requests to others stay, as one more mentor is wanted"
    *_, withdrawn = settled(place(), mentee=two, mentors=1, asked=asked)
    assert (withdrawn.state.id, withdrawn.state.reason) == ("other", "matched_elsewhere")
    [third] = settled(place(), mentee=two, mentors=2)
    assert (third.state.state, third.state.reason, third.state.waits) == ("lapsed", "matched_elsewhere", False)


def test_a_mentee_whose_second_pair_lapses_does_not_wait_and_is_not_notified() -> None:
    [lapsed] = settled(place(), mentee=mentee(mentors_wanted=2), mentors=1, mentor=None)
    assert (lapsed.state.reason, lapsed.state.waits, lapsed.event.recipients) == ("mentor_left", False, ())


def test_a_mentee_who_found_one_of_two_mentors_is_not_left_over() -> None:
    [left] = settled(place(mentor=None, state="left"), mentee=mentee(mentors_wanted=2), mentors=1)
    assert (left.state.reason, left.state.waits) == ("matched_elsewhere", False)


@pytest.mark.parametrize("state", ["opened", "lapsed", "unmatched"])
def test_a_place_is_settled_only_once(state: places.PlaceState) -> None:
    assert settled(place(state=state)) == []


def test_the_mentee_of_a_lapsed_pair_is_not_promised_to_be_placed_first() -> None:
    text = would_change(place(state="lapsed", reason="no_seat_left"))
    assert "in the order of waiting time" in text
    assert "first" not in text


def test_the_text_on_what_would_change_names_no_member() -> None:
    opening = places.Opening(mentor=MILO, seats=2)
    text = would_change(place(state="unmatched", reason="outranked", opens=(opening,)))
    assert "2 more seats" in text
    assert "milo" not in text
    reasons = ("no_wishes", "excluded", "closed", "outweighed", "no_common_language", "a_reason_of_tomorrow")
    assert len({would_change(place(state="unmatched", reason=reason)) for reason in reasons}) == len(reasons)
    assert would_change(place(state="lapsed", reason="no_seat_left")) != would_change(place(reason="closed"))

"""Decisions about requests and relationships: pure, one case each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from services.matching.kernel.pairs import Decided, Pair, Party, Side
from services.matching.kernel.participants import Institution, Person, Policy, Terms
from services.matching.mentoring.domain import departures, relationships, requests
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from shared.contracts.matching import (
    MentorNudged,
    MentorRequested,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RequestAccepted,
    RequestExpired,
    RequestWithdrawn,
)
from shared.errors import Conflict, DomainError, NotFound, Rejected
from tests.unit.matching_people import CARE, NORTH, SOUTH, mentee, mentor, policy

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
ANA, MILO = Party(member="ana", institution=NORTH), Party(member="milo", institution=NORTH)
PAIR = Pair(programme=CARE, mentee=ANA, mentor=MILO)


DAY = timedelta(days=1)


def pending(id: str = "r", *, who: str = "ana", whom: str = "milo", programme: str = CARE) -> Request:
    pair = Pair(programme=programme, mentee=replace(ANA, member=who), mentor=replace(MILO, member=whom))
    return Request(id=id, pair=pair, message="May I?", asked_at=NOW, due_at=NOW + timedelta(days=14))


def situation(**fields: Any) -> Situation:
    return Situation(**{"policy": policy(), "mentee": mentee(), "mentor": mentor(), "asked": (), **fields})


def ask(where: Situation, *, whom: str = "milo", message: str = "May I?") -> Request:
    return requests.request("r", programme=CARE, mentor=whom, message=message, situation=where, now=NOW).state


def accept(where: Situation, request: Request | None = None, *, now: datetime = NOW) -> Any:
    return requests.accept(request or pending(), situation=where, relationship="s", now=now)


def together(**fields: Any) -> Relationship:
    return Relationship(**{"id": "s", "pair": PAIR, "since": NOW, **fields})


def close(relationship: Relationship, **fields: Any) -> Decided[Relationship]:
    ending = {"by": "mentee", "reason": "unspecified", "never_again": False, "policy": policy(), "now": NOW}
    return relationships.close(relationship, **{**ending, **fields})


def refusal(error: pytest.ExceptionInfo[Any]) -> tuple[type[Exception], str]:
    return type(error.value), error.value.code


def test_a_request_expires_after_fourteen_days_and_its_event_has_no_message() -> None:
    decided = requests.request("r", programme=CARE, mentor="milo", message="May I?", situation=situation(), now=NOW)
    assert (decided.state.expires_at, decided.state.version, decided.seats) == (NOW + timedelta(days=14), 1, 0)
    assert isinstance(decided.event, MentorRequested)
    assert decided.event.recipients == (MILO.as_recipient,)
    assert "May I?" not in decided.event.model_dump_json()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (situation(mentor=mentor(never=("ana",))), (Conflict, "not_available")),
        (situation(mentee=mentee(never=("milo",))), (Conflict, "not_available")),
        (situation(mentor=mentor(is_paused=True)), (Conflict, "not_available")),
        (situation(mentor=mentor(capacity=0)), (Conflict, "not_available")),
        (situation(mentor=replace(mentor(capacity=2), taken=2)), (Conflict, "not_available")),
        (situation(mentee=replace(mentee(), kept_from=frozenset({"milo"}))), (Conflict, "not_available")),
        (situation(mentor=mentor(languages=frozenset({"fi"}))), (Conflict, "not_available")),
        (situation(mentor=mentor(is_active=False)), (NotFound, "mentor_not_found")),
        (situation(mentor=mentor(institution=SOUTH)), (NotFound, "mentor_not_found")),
        (situation(mentor=None), (NotFound, "mentor_not_found")),
        (situation(policy=None), (NotFound, "enrolment_not_found")),
        (situation(mentee=None), (NotFound, "enrolment_not_found")),
        (situation(mentee=mentee(mentee_in=frozenset())), (NotFound, "enrolment_not_found")),
        (situation(mentee=mentee(is_paused=True)), (Conflict, "paused")),
        (situation(asked=[pending("other")]), (Conflict, "already_asked")),
        (situation(asked=[pending(str(n), whom=f"m{n}") for n in range(5)]), (Conflict, "too_many_pending")),
    ],
)
def test_a_refused_request_names_the_reason(where: Situation, expected: tuple[type[DomainError], str]) -> None:
    with pytest.raises(DomainError) as refused:
        ask(where)
    assert refusal(refused) == expected


def test_a_mentor_closed_to_other_institutions_is_refused_like_a_full_mentor() -> None:
    exchanging = frozenset({NORTH, SOUTH})
    both = policy(*(Institution(id=institution, exchanges_with=exchanging) for institution in (NORTH, SOUTH)))
    refusals = []
    for other in (mentor(institution=SOUTH), mentor(institution=SOUTH, across_institutions=True, capacity=0)):
        with pytest.raises(Conflict) as refused:
            ask(situation(policy=both, mentee=mentee(across_institutions=True), mentor=other))
        refusals.append((refused.value.code, refused.value.message))
    assert len(set(refusals)) == 1


def full(ceiling: int = 2) -> Policy:
    """North's mentees have two seats of south's mentors."""
    north, south = (
        Institution(id=institution, exchanges_with=frozenset({NORTH, SOUTH})) for institution in (NORTH, SOUTH)
    )
    known = policy(north, replace(south, terms={NORTH: Terms(ceiling=ceiling)}))
    return replace(known, given={(NORTH, SOUTH): 2})


def test_a_reached_ceiling_refuses_requests_and_acceptances() -> None:
    here, there = mentee(across_institutions=True), mentor(institution=SOUTH, across_institutions=True)
    with pytest.raises(Conflict) as refused:
        ask(situation(policy=full(), mentee=here, mentor=there))
    assert refused.value.code == "not_available"
    with pytest.raises(Conflict) as refused:
        accept(situation(policy=full(), mentee=here, mentor=there, asked=[pending()]))
    assert refused.value.code == "exchange_full"
    assert accept(situation(policy=full(3), mentee=here, mentor=there, asked=[pending()]))[1].seats == 1


def test_a_ceiling_belongs_to_the_giving_institution_and_to_one_direction() -> None:
    here, there = mentee(institution=SOUTH, across_institutions=True), mentor(across_institutions=True)
    assert accept(situation(policy=full(), mentee=here, mentor=there, asked=[pending()]))[1].seats == 1
    assert full(ceiling=1).left((NORTH, SOUTH)) == 0
    assert full().left((SOUTH, NORTH)) is None


def test_resuming_from_on_hold_needs_a_seat_below_the_ceiling_unlike_paused() -> None:
    pair = replace(together().pair, mentor=Party(member="milo", institution=SOUTH))
    held = replace(together(state="on_hold"), pair=pair)
    with pytest.raises(Conflict) as refused:
        relationships.resume(held, by="mentor", mentee=mentee(), mentor=mentor(), policy=full())
    assert refused.value.code == "exchange_full"
    for relationship, known in ((held, full(3)), (replace(held, state="paused"), full())):
        resumed = relationships.resume(relationship, by="mentee", mentee=mentee(), mentor=mentor(), policy=known)
        assert resumed.state.state == "active"


def test_a_request_to_oneself_or_with_too_long_a_message_is_refused() -> None:
    both = mentee("ana", mentors_in=frozenset({CARE}))
    with pytest.raises(Conflict, match="not available"):
        ask(situation(mentee=both, mentor=both), whom="ana")
    with pytest.raises(Rejected, match="2000"):
        ask(situation(), message="x" * 2001)
    assert ask(situation(), message="x" * 2000).state == "pending"


def test_accepting_takes_a_seat_and_begins_a_relationship() -> None:
    accepted, begun, settled = accept(situation(asked=[pending()]))
    assert (accepted.state.state, accepted.state.relationship, accepted.state.due_at) == ("accepted", "s", None)
    assert (begun.seats, begun.state.state, settled) == (1, "active", ())
    assert isinstance(accepted.event, RequestAccepted)
    assert isinstance(begun.event, RelationshipOpened)
    assert (accepted.event.recipients, begun.event.recipients) == ((ANA.as_recipient,), ())


def test_accepting_withdraws_the_mentees_other_requests_in_that_programme_only() -> None:
    asked = [pending(), pending("here", whom="mara"), pending("there", whom="max", programme="other")]
    _, _, settled = accept(situation(asked=asked))
    [here] = settled
    assert (here.state.id, here.state.state, here.state.reason) == ("here", "withdrawn", "matched_elsewhere")
    assert here.event.recipients == (replace(MILO, member="mara").as_recipient,)


@pytest.mark.parametrize(("mentors", "withdrawn"), [(0, []), (1, ["here"])])
def test_a_mentees_other_requests_stay_until_they_have_the_mentors_they_want(
    mentors: int, withdrawn: list[str]
) -> None:
    asked = [pending(), pending("here", whom="mara")]
    _, _, settled = accept(situation(mentee=mentee(mentors_wanted=2), mentors=mentors, asked=asked))
    assert [decided.state.id for decided in settled] == withdrawn


@pytest.mark.parametrize(("taken", "withdrawn"), [(0, []), (1, ["rival"])])
def test_accepting_for_the_last_seat_withdraws_other_requests_with_one_code(taken: int, withdrawn: list[str]) -> None:
    other = replace(mentor(capacity=2), taken=taken)
    rivals = [pending(), pending("rival", who="ben")]
    _, _, settled = accept(situation(mentor=other, asked=[pending()], competing_requests=rivals))
    assert [decided.state.id for decided in settled] == withdrawn
    for decided in settled:
        assert isinstance(decided.event, RequestWithdrawn)
        assert (decided.event.reason, [to.member for to in decided.event.recipients]) == ("not_available", ["ben"])


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (situation(mentor=replace(mentor(), taken=1)), "no_seat_left"),
        (situation(mentor=mentor(is_paused=True)), "not_available"),
        (situation(mentor=mentor(never=("ana",))), "not_available"),
        (situation(mentee=mentee(is_active=False)), "not_available"),
        (situation(mentee=None), "not_available"),
        (situation(policy=policy(is_active=False)), "not_available"),
    ],
)
def test_the_hard_rules_are_checked_again_on_acceptance(where: Situation, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        accept(where)
    assert refused.value.code == code


def test_a_request_settled_since_it_was_read_is_not_accepted() -> None:
    with pytest.raises(Conflict) as refused:
        accept(situation(asked=[pending("another", whom="mara")]))
    assert refusal(refused) == (Conflict, "request_not_pending")


def test_a_settled_request_stays_settled() -> None:
    settled = [replace(pending(), state=state) for state in ("accepted", "declined", "withdrawn", "expired")]
    for request in settled:
        for answer in (
            lambda request: accept(situation(), request),
            lambda request: requests.decline(request, reason="no_time", now=NOW),
            lambda request: requests.withdraw(request, now=NOW),
        ):
            with pytest.raises(Conflict, match=request.state):
                answer(request)


def test_an_overdue_request_takes_no_answer_even_before_it_is_expired() -> None:
    over = NOW + 14 * DAY
    assert accept(situation(asked=[pending()]), now=over - timedelta(seconds=1))
    for answer in (
        lambda: accept(situation(asked=[pending()]), now=over),
        lambda: requests.decline(pending(), reason="no_time", now=over),
        lambda: requests.withdraw(pending(), now=over),
    ):
        with pytest.raises(Conflict, match="has expired") as refused:
            answer()
        assert refusal(refused) == (Conflict, "request_not_pending")


def test_the_mentor_of_an_unanswered_request_is_reminded_after_five_and_ten_days() -> None:
    waiting = ask(situation())
    events = []
    for day in range(15):
        passed = requests.pass_time(waiting, now=NOW + day * DAY)
        if passed is not None:
            waiting, event = passed.state, passed.event
            events.append((day, type(event), getattr(event, "nudge", None), event.recipients))  # type: ignore[union-attr]
    assert events == [
        (5, MentorNudged, 1, (MILO.as_recipient,)),
        (10, MentorNudged, 2, (MILO.as_recipient,)),
        (14, RequestExpired, None, (ANA.as_recipient,)),
    ]
    assert waiting.version == 4


def test_reminders_missed_during_an_outage_become_one_with_its_deadline() -> None:
    late = requests.pass_time(ask(situation()), now=NOW + 11 * DAY)
    assert late is not None
    assert isinstance(late.event, MentorNudged)
    assert (late.event.nudge, late.event.expires_at) == (2, NOW + 14 * DAY)
    assert late.state.due_at == NOW + 14 * DAY
    assert late.state.message == "May I?"
    assert "May I?" not in late.event.model_dump_json()


def test_time_expires_pending_requests_and_ends_the_separation_after_a_decline() -> None:
    later = NOW + timedelta(days=14)
    assert requests.pass_time(pending(), now=later - timedelta(seconds=1)) is None
    expired = requests.pass_time(pending(), now=later)
    assert expired is not None
    assert isinstance(expired.event, RequestExpired)
    assert (expired.state.state, expired.event.recipients) == ("expired", (ANA.as_recipient,))
    declined = requests.decline(pending(), reason="no_time", now=NOW).state
    assert declined.keeps_apart
    assert requests.pass_time(declined, now=NOW + timedelta(days=89)) is None
    over = requests.pass_time(declined, now=NOW + timedelta(days=90))
    assert over is not None
    assert (over.state.keeps_apart, over.state.state, over.event, over.state.version) == (False, "declined", None, 3)


def test_a_pause_keeps_the_seat_a_close_frees_it() -> None:
    paused = relationships.pause(together(), by="mentor")
    assert (paused.seats, paused.state.takes_seat) == (0, True)
    resumed = relationships.resume(
        paused.state, by="mentee", mentee=mentee(), mentor=replace(mentor(), taken=1), policy=policy()
    )
    assert (resumed.seats, resumed.state.state, resumed.state.reason) == (0, "active", None)
    closed = close(resumed.state, reason="moved_on")
    assert (closed.seats, closed.state.is_open, closed.state.version) == (-1, False, 4)
    assert isinstance(closed.event, RelationshipClosed)
    assert closed.event.recipients == (MILO.as_recipient,)


def test_resuming_from_on_hold_needs_a_seat_and_both_people() -> None:
    held = together(state="on_hold", version=2)
    assert relationships.resume(held, by="mentee", mentee=mentee(), mentor=mentor(), policy=policy()).seats == 1
    absent: list[tuple[Person | None, Person | None, str]] = [
        (mentee(), replace(mentor(), taken=1), "no_seat_left"),
        (mentee(), mentor(is_active=False), "not_available"),
        (None, mentor(), "not_available"),
    ]
    for who, other, to_mentor in absent:
        codes = []
        for side in get_args(Side):
            with pytest.raises(Conflict) as refused:
                relationships.resume(held, by=side, mentee=who, mentor=other, policy=policy())
            codes.append(refused.value.code)
        assert codes == ["not_available", to_mentor]
    assert close(held, by="mentor", reason="unspecified").seats == 0


@pytest.mark.parametrize("state", ["paused", "on_hold", "closed"])
def test_only_an_active_relationship_is_paused_and_a_closed_one_stays_closed(state: Any) -> None:
    with pytest.raises(Conflict):
        relationships.pause(together(state=state), by="mentee")
    if state == "closed":
        with pytest.raises(Conflict):
            close(together(state=state), reason="no_time")
        with pytest.raises(Conflict):
            relationships.resume(together(state=state), by="mentee", mentee=mentee(), mentor=mentor(), policy=policy())


def departure(member: str, *, is_erased: bool = False) -> Departure:
    return Departure(member=member, institution=NORTH, sequence=2, is_erased=is_erased, event="e", correlation="c")


def test_an_inactive_members_relationships_go_on_hold_and_their_requests_end() -> None:
    asked = [pending(), pending("rival", who="ben")]
    left = list(departures.leave(departure("milo"), pending=asked, opened=[together()], now=NOW))
    assert [(decided.state.state, decided.state.reason) for decided in left] == [
        ("withdrawn", "mentor_left"),
        ("withdrawn", "mentor_left"),
        ("on_hold", "mentor_inactive"),
    ]
    *_, held = left
    assert isinstance(held.event, RelationshipPaused)
    assert (held.seats, held.event.recipients) == (-1, (ANA.as_recipient,))


def test_an_erased_members_relationships_close_and_they_are_not_notified() -> None:
    opened = [together(), together(id="t", state="on_hold"), together(id="u", state="closed")]
    left = list(departures.leave(departure("ana", is_erased=True), pending=[pending()], opened=opened, now=NOW))
    assert [(decided.state.id, decided.state.reason, decided.seats) for decided in left] == [
        ("r", "mentee_left", 0),
        ("s", "mentee_left", -1),
        ("t", "mentee_left", 0),
    ]
    assert {to.member for decided in left for to in decided.event.recipients} == {"milo"}  # type: ignore[union-attr]

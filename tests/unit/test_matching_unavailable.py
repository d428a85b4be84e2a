"""A pending request ends by any private rule of the mentor's side, and the mentee cannot tell which rule it was."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel.pairs import Decided, Pair, Party
from services.matching.kernel.participants import Bond, Policy
from services.matching.kernel.shards import SHARDS
from services.matching.mentoring.domain import requests
from services.matching.mentoring.domain.requests import Request, Retraction, Situation
from services.matching.suggestions.index.network import Network, State
from services.matching.suggestions.unavailable import UnavailableRequests
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Conflict
from tests.depth import examples
from tests.unit.matching_people import CARE, NORTH, SOUTH, mentee, mentor
from tests.unit.test_matching_privacy import ACROSS, ANYWHERE, NOW, Hidden, World, full, network_of, worlds

OF_THE_MENTOR = get_args(Retraction)[-5:]


class FixedClock:
    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return "new"


class SingleRequest:
    """One pending request, and the situation of its two people as the network knows it."""

    def __init__(self, network: Network, request: Request) -> None:
        self._network = network
        self.request = request
        self.events: list[Payload | None] = []
        self.checks = 0

    async def recheck(
        self,
        id: str,
        decide: Callable[[Request, Situation], Decided[Request] | None],
        trace: Trace,
    ) -> None:
        assert (id, trace.causation_id) == (self.request.id, None)
        self.checks += 1
        pair = self.request.pair
        people = self._network.person(pair.mentee.member), self._network.person(pair.mentor.member)
        known = self._network.pool(pair.programme).policy
        decided = decide(self.request, Situation(policy=known, mentee=people[0], mentor=people[1], asked=()))
        if decided is not None:
            self.request = decided.state
            self.events.append(decided.event)


def request_in(world: World) -> Request:
    pair = Pair(
        programme=world.programme,
        mentee=Party(member="ana", institution=world.here.institution),
        mentor=Party(member="milo", institution=world.there.institution),
    )
    return Request(id="r", pair=pair, message="May I?", asked_at=NOW, due_at=NOW + timedelta(days=5))


def bond_of(request: Request) -> Bond:
    exchange = request.pair.exchange if request.pair.is_across_institutions else None
    programme = request.pair.programme
    return Bond(
        id="r", mentee="ana", mentor="milo", sequence=1, programme=programme, exchange=exchange, awaits_answer=True
    )


def what_becomes_of_it(
    world: World, changes: Sequence[State], *, at_once: bool = False
) -> tuple[Request, Sequence[Payload | None]]:
    network, request = network_of(world, ()), request_in(world)
    network.put(bond_of(request))
    book = SingleRequest(network, request)
    unavailable = UnavailableRequests(network, book, FixedClock(NOW + timedelta(hours=1)))
    for state in changes:
        network.put(state)
        unavailable.add([state])
        if not at_once:
            asyncio.run(unavailable.work())
    asyncio.run(unavailable.work())
    return replace(book.request, reason=book.request.published_reason), book.events


def hidden_in(world: World) -> dict[str, Hidden]:
    return {**ANYWHERE, **(ACROSS if world.is_across else {})}


@examples(100)
@given(worlds(), st.data())
def test_whichever_private_rules_end_a_request_the_mentee_sees_the_same(world: World, data: st.DataObject) -> None:
    """Whatever the public rules say: the request is withdrawn although the two have no language in common."""
    hidden = hidden_in(world)
    second = hidden[data.draw(st.sampled_from(sorted(hidden)))]
    at_once, own_wish = data.draw(st.booleans()), "milo" in world.mine.never
    ended = {}
    for name, rule in hidden.items():
        changes = [*rule(world), *(replace(state, sequence=state.sequence + 10) for state in second(world))]
        ended[name] = what_becomes_of_it(world, changes, at_once=at_once)
    request, events = ended["paused"]
    assert (request.state, request.reason) == ("withdrawn", "by_mentee" if own_wish else "not_available")
    assert len(events) == 1
    for name, seen in ended.items():
        assert seen == (request, events), f"the mentee can tell {name} from paused"


@examples(50)
@given(worlds())
def test_a_request_that_no_private_rule_makes_impossible_stays_pending(world: World) -> None:
    changes = [replace(world.there, sequence=2), replace(world.here, sequence=2, is_paused=True)]
    request, events = what_becomes_of_it(replace(world, mine=replace(world.mine, never=frozenset())), changes)
    assert (request.state, events) == ("pending", [])


@pytest.mark.parametrize("reason", OF_THE_MENTOR)
def test_every_reason_of_the_mentors_side_is_published_alike(reason: Retraction) -> None:
    asked = request_in(plain_world())
    first, ended = (requests.retract(asked, reason=cause, now=NOW) for cause in ("mentor_left", reason))
    assert ended.event == first.event
    assert (ended.state.published_reason, ended.state.version) == ("not_available", first.state.version)


def test_the_mentees_own_never_list_looks_like_their_withdrawal_to_the_mentor() -> None:
    asked, by_hand = request_in(plain_world()), requests.withdraw(request_in(plain_world()), now=NOW)
    who = mentee(never=("milo",))
    for other in (mentor(), mentor(is_paused=True), mentor(never=("ana",))):
        two = Situation(policy=plain_policy(), mentee=who, mentor=other, asked=())
        assert requests.end_if_unavailable(asked, situation=two, now=NOW) == by_hand


@pytest.mark.parametrize(
    ("other", "given", "code"),
    [
        (replace(mentor(institution=SOUTH, across_institutions=True), taken=1), 0, "no_seat_left"),
        (mentor(institution=SOUTH, across_institutions=True), 1, "exchange_full"),
        (mentor(institution=SOUTH, across_institutions=True, is_paused=True), 0, "not_available"),
    ],
)
def test_accepting_an_ended_request_is_refused_with_the_same_code_as_before(
    other: object, given: int, code: str
) -> None:
    asked = request_in(plain_world(SOUTH))
    two = Situation(
        policy=full(given=given),
        mentee=mentee(across_institutions=True),
        mentor=other,  # type: ignore[arg-type]
        asked=[asked],
    )
    ended = requests.end_if_unavailable(asked, situation=two, now=NOW)
    assert ended is not None
    for request in (asked, ended.state):
        with pytest.raises(Conflict) as refused:
            requests.accept(request, situation=two, relationship="s", now=NOW)
        assert refused.value.code == code


def test_a_request_that_is_due_to_expire_is_left_to_expire() -> None:
    asked = request_in(plain_world())
    two = Situation(policy=plain_policy(), mentee=mentee(), mentor=mentor(is_paused=True), asked=())
    assert requests.end_if_unavailable(asked, situation=two, now=NOW + requests.OPEN_FOR) is None


def test_only_requests_that_a_change_concerns_are_checked() -> None:
    world = plain_world()
    network, request = network_of(world, ()), request_in(world)
    network.put(bond_of(request))
    book = SingleRequest(network, request)
    unavailable = UnavailableRequests(network, book, FixedClock(NOW))
    network.put(replace(world.there, sequence=2, is_paused=True))
    network.drop(list(network.shards))
    unavailable.add_all()
    asyncio.run(unavailable.work())
    assert book.checks == 0, "another process holds the mentee's shard"
    network.hold(range(SHARDS))
    unavailable.add([mentor("mira").member])
    asyncio.run(unavailable.work())
    assert book.checks == 0, "another mentor's change"
    unavailable.add_all()
    asyncio.run(unavailable.work())
    assert (book.checks, book.request.state) == (1, "withdrawn")


def plain_world(institution: str = NORTH) -> World:
    here, there = mentee(across_institutions=True), mentor(institution=institution, across_institutions=True)
    return World(
        here=here.member, mine=here.private, there=there.member, theirs=there.private, programme=CARE, minimum_score=0
    )


def plain_policy() -> Policy:
    return full()

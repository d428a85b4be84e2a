"""Nothing that a mentee is answered depends on which private rule of the other side keeps the two apart."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel import rules
from services.matching.kernel.pairs import Pair, Party, Side
from services.matching.kernel.participants import (
    Assessment,
    Bond,
    Exchange,
    Institution,
    Member,
    Person,
    Policy,
    Preferences,
    Programme,
    Terms,
)
from services.matching.kernel.shards import SHARDS
from services.matching.mentoring.domain import relationships, requests
from services.matching.mentoring.domain.relationships import ConflictReason, Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.rounds.domain import assignments as places
from services.matching.rounds.domain.assignments import Place
from services.matching.rounds.solver.words import would_change
from services.matching.suggestions.directory import Directory, Sought, ranked
from services.matching.suggestions.domain import Shortlist
from services.matching.suggestions.index.network import Network, State
from services.matching.suggestions.reading import Reading, StoredList, UnmatchedMentee
from shared.contracts.profiles import FACTORS
from shared.errors import Conflict, DomainError
from shared.principal import Principal
from tests.depth import examples
from tests.unit.matching_people import CARE, NORTH, SOUTH, WEEKLY, mentee, mentor, policy

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
OTHER = "other"
BOTH = frozenset({CARE, OTHER})
THERE = Party(member="milo", institution=SOUTH)
CEILING = {institution: Terms(ceiling=1) for institution in (NORTH, SOUTH)}
MILA = mentor("mila", mentors_in=BOTH, languages=frozenset({"zz"}), is_paused=True).member
"""A second mentor, whom another language and another rule keep away."""
ANA = Principal(subject_hash="ana", institution=NORTH, roles=frozenset({"member"}))
SEAT = Bond(id="seat", mentee="zoe", mentor="milo", sequence=1, takes_seat=True)


@dataclass(frozen=True)
class World:
    """What a mentee, a mentor and their institutions have outcome_of of themselves."""

    here: Member
    mine: Preferences
    there: Member
    theirs: Preferences
    programme: str
    minimum_score: int

    @property
    def is_across(self) -> bool:
        return self.here.institution != self.there.institution


Hidden = Callable[[World], Sequence[State]]
"""The states by which one private rule keeps the two apart, beside what the world says."""


def of_mentor(**fields: Any) -> Hidden:
    return lambda world: [replace(world.there, sequence=2, **fields)]


def always(state: State) -> Hidden:
    return lambda _: [state]


def given_away(world: World) -> Sequence[State]:
    exchange = (world.here.institution, world.there.institution)
    return [Bond(id="given", mentee="zoe", mentor="mira", sequence=1, takes_seat=True, exchange=exchange)]


ANYWHERE: Mapping[str, Hidden] = {
    "never_list": lambda world: [replace(world.theirs, sequence=2, never=frozenset({"ana"}))],
    "paused": of_mentor(is_paused=True),
    "no_capacity": of_mentor(capacity=0),
    "no_hours": of_mentor(hours=0),
    "full": always(SEAT),
    "assessor": always(Assessment(id="a", assessor="milo", assessed="ana", sequence=1, programmes=BOTH)),
    "assessed": always(Assessment(id="a", assessor="ana", assessed="milo", sequence=1, programmes=BOTH)),
    "declined": always(Bond(id="no", mentee="ana", mentor="milo", sequence=1, keeps_apart=True)),
    "separated": always(Bond(id="old", mentee="milo", mentor="ana", sequence=1, keeps_apart=True, both_ways=True)),
    "several": lambda world: [
        replace(world.there, sequence=2, is_paused=True, capacity=0),
        replace(world.theirs, sequence=2, never=frozenset({"ana"})),
    ],
}
ACROSS: Mapping[str, Hidden] = {
    "not_opted_in": of_mentor(across_institutions=False),
    "ceiling_reached": given_away,
}


class ComputedLists:
    """One mentee's list as the index makes it."""

    def __init__(self, network: Network, programme: str) -> None:
        self._network = network
        self._programme = programme

    async def signed_in(self, *_: str) -> str | None:
        return "ana"

    async def person(self, institution: str, id: str) -> Person | None:  # noqa: ARG002 -- of one institution
        return self._network.person(id)

    async def named(self, ids: Iterable[str]) -> Mapping[str, Person]:
        return {id: self._network.person(id) for id in ids}

    async def mentors(self, *_: Any, **__: Any) -> Collection[Person]:
        return [self._network.person(id) for id in ("milo", "mila")]

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:  # noqa: ARG002 -- knows all
        return self._network.pool(programme).policy

    async def list_of(self, institution: str, programme: str, mentee: str) -> StoredList | None:
        return StoredList(programme, mentee, institution, shortlist(self._network, programme), 1, NOW)

    async def lists_of(self, institution: str, mentee: str) -> Sequence[StoredList]:
        found = await self.list_of(institution, self._programme, mentee)
        return [found] if found else []

    async def unmatched(self, *_: str, **__: str | int) -> Sequence[UnmatchedMentee]:
        return []


def shortlist(network: Network, programme: str) -> Shortlist:
    return network.pool(programme).shortlist("ana")


def network_of(world: World, hidden: Sequence[State]) -> Network:
    """As the service knows it."""
    network = Network()
    network.hold(range(SHARDS))
    exchanging = frozenset({NORTH, SOUTH})
    programmes = [
        Programme(id=programme, institution=NORTH, admits=exchanging, minimum_score=world.minimum_score)
        for programme in (CARE, OTHER)
    ]
    institutions = [
        Institution(id=institution, exchanges_with=exchanging, terms=CEILING) for institution in (NORTH, SOUTH)
    ]
    for state in (*institutions, *programmes, world.mine, world.theirs, world.here, world.there, MILA, *hidden):
        network.put(state)
    return network


async def answers(world: World, hidden: Hidden) -> Mapping[str, Any]:
    """Every answer and notification that the mentee may get about this mentor."""
    network = network_of(world, hidden(world))
    who, other = network.person("ana"), network.person("milo")
    known = network.pool(world.programme).policy
    two = Situation(policy=known, mentee=who, mentor=other, asked=())
    pair = Pair(
        programme=world.programme,
        mentee=Party(member="ana", institution=who.member.institution),
        mentor=Party(member="milo", institution=other.member.institution),
    )
    return {
        "why_not": await why_not(network, world),
        "directory": await directory(network, world),
        "suggestions": await Reading(ComputedLists(network, world.programme)).mine(ANA),
        "reason_for_none": rules.reason_for_none(who, [other, network.person("mila")], known),
        "list": shortlist(network, world.programme),
        "ask": outcome_of(lambda: ask(pair, two)),
        "round": round_view(pair, two),
    }


async def all_answers(world: World, hidden: Mapping[str, Hidden]) -> Mapping[str, Mapping[str, Any]]:
    return {name: await answers(world, rule) for name, rule in hidden.items()}


def outcome_of(answer: Callable[[], Any]) -> Any:
    try:
        return answer()
    except DomainError as refused:
        return type(refused), refused.code, refused.message


async def why_not(network: Network, world: World) -> Any:
    reading = Reading(ComputedLists(network, world.programme))
    return await reading.why_not(ANA, mentee="ana", mentor="milo", programme=world.programme)


async def directory(network: Network, world: World) -> Any:
    found = Directory(ComputedLists(network, world.programme))
    try:
        return await found.mentors(ANA, world.programme, Sought(), weights=None, after=0, limit=10)
    except DomainError as refused:
        return type(refused), refused.code, refused.message


def ask(pair: Pair, two: Situation) -> Any:
    return requests.request(
        "r", programme=pair.programme, mentor="milo", message="May I?", situation=two, now=NOW
    ).state.state


def round_view(pair: Pair, two: Situation) -> Any:
    """What becomes of a planned pair when the round is published."""
    planned = Place(
        id="p",
        round="r",
        institution=NORTH,
        programme=pair.programme,
        mentee=pair.mentee,
        mentor=pair.mentor,
        state="planned",
        waiting_since=NOW,
        order="0",
    )
    settlement = places.settle(planned, two, relationship="s", now=NOW)
    assert settlement is not None
    settled, event = settlement.place.state, settlement.place.event
    return settled.state, settled.published_reason, would_change(settled), settled.waits, event


formats = st.frozensets(st.sampled_from(["video", "phone", "in_person"]), max_size=3)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """`here` is whatever the mentee may change their own profile and wishes to."""
    here = mentee(
        mentee_in=BOTH,
        languages=draw(st.sampled_from([frozenset({"en"}), frozenset({"zz"}), frozenset({"en", "zz"}), frozenset()])),
        formats=draw(formats),
        topics_wanted=draw(st.sampled_from([frozenset({"research"}), frozenset({"ethics"}), frozenset()])),
        is_paused=draw(st.sampled_from([False, False, True])),
        across_institutions=draw(st.sampled_from([True, True, False])),
        stage=draw(st.sampled_from([None, "resident"])),
        style=draw(st.sampled_from([None, "coach"])),
        available=draw(st.frozensets(st.sampled_from(WEEKLY), max_size=2)),
        reverse_mentoring=draw(st.booleans()),
        never=draw(st.sampled_from([(), (), ("milo",)])),
        weights=draw(st.dictionaries(st.sampled_from(FACTORS), st.integers(0, 100), max_size=3)),
        identity=draw(st.sampled_from([frozenset(), frozenset({"first-gen"})])),
        wishes_shared_identity=draw(st.booleans()),
    )
    there = mentor(
        mentors_in=BOTH,
        institution=draw(st.sampled_from([NORTH, SOUTH])),
        across_institutions=True,
        formats=draw(formats),
        identity=draw(st.sampled_from([frozenset(), frozenset({"first-gen"})])),
    )
    return World(
        here=here.member,
        mine=here.private,
        there=there.member,
        theirs=there.private,
        programme=draw(st.sampled_from([CARE, OTHER])),
        minimum_score=draw(st.sampled_from([0, 60])),
    )


@examples(100)
@given(worlds())
def test_no_answer_reveals_which_of_two_private_rules_applied(world: World) -> None:
    hidden = {**ANYWHERE, **(ACROSS if world.is_across else {})}
    answers = asyncio.run(all_answers(world, hidden))
    first, expected = next(iter(answers.items()))
    for name, answer in answers.items():
        for view in expected:
            assert answer[view] == expected[view], f"{view} tells {name} from {first}"


def held(*, conflict: ConflictReason | None = None) -> Relationship:
    pair = Pair(programme=CARE, mentee=Party(member="ana", institution=NORTH), mentor=THERE)
    return Relationship(id="s", pair=pair, state="on_hold", since=NOW, conflict=conflict)


def full(*, given: int = 0) -> Policy:
    exchanging = frozenset({NORTH, SOUTH})
    north, south = (
        Institution(id=institution, exchanges_with=exchanging, terms=CEILING) for institution in (NORTH, SOUTH)
    )
    return replace(policy(north, south), given={(NORTH, SOUTH): given})


@pytest.mark.parametrize(
    ("relationship", "taken", "given", "to_mentor"),
    [
        (held(conflict="assessment"), 0, 0, "not_available"),
        (held(), 1, 0, "no_seat_left"),
        (held(), 0, 1, "exchange_full"),
    ],
)
def test_a_mentee_who_cannot_resume_is_not_shown_why(
    relationship: Relationship, taken: int, given: int, to_mentor: str
) -> None:
    """A mentor hears what is their own, or their own institution's: seats and a ceiling."""
    other = replace(mentor(institution=SOUTH), taken=taken)
    refusals = {}
    for side in get_args(Side):
        with pytest.raises(Conflict) as refused:
            relationships.resume(relationship, by=side, mentee=mentee(), mentor=other, policy=full(given=given))
        refusals[side] = (refused.value.code, refused.value.message)
    assert refusals["mentee"] == ("not_available", "this mentee and this mentor cannot be matched at the moment")
    assert refusals["mentor"][0] == to_mentor


def test_a_directory_is_ordered_by_what_is_shown_only() -> None:
    """Otherwise its order would tell the identities, the loads and the ratings of all mentors."""
    seeker = mentee(identity=frozenset({"first-gen"}), wishes_shared_identity=True, weights={"identity": 100})
    plain, others = mentor("milo", capacity=3), mentor("milo", capacity=3, identity=frozenset({"first-gen"}))
    busy = replace(others, taken=1, asked=2, experience=100)
    rival, known = mentor("mila"), policy(Institution(id=NORTH))
    first, second = (ranked(seeker, [changed, rival], known) for changed in (plain, busy))
    assert first == second

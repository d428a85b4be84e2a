"""A small network to match in: builders, strategies, and the slow and obvious way to make a list."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from services.matching.kernel import rules, scoring
from services.matching.kernel.participants import (
    Assessment,
    Bond,
    Institution,
    Member,
    Person,
    Policy,
    Preferences,
    Programme,
    Terms,
    weights_for,
)
from services.matching.suggestions.domain import NOT_ENROLLED, Entry, Shortlist
from shared.contracts.profiles import FACTORS, STAGES

NORTH, SOUTH, EAST = "north", "south", "east"
CARE = "care"
_PRIVATE = ("topics_most_wanted", "identity", "wishes_shared_identity")
PEOPLE = [f"p{number}" for number in range(12)]


def person(
    id: str = "p0", *, never: Iterable[str] = (), weights: dict[Any, int] | None = None, **fields: Any
) -> Person:
    private = {name: fields.pop(name) for name in _PRIVATE if name in fields}
    member = Member(
        **{
            "id": id,
            "institution": NORTH,
            "topics_wanted": frozenset({"research"}),
            "topics_offered": frozenset({"research"}),
            "languages": frozenset({"en"}),
            "formats": frozenset({"video"}),
            "hours": 4,
            "capacity": 1,
            **fields,
        }
    )
    return Person(member, Preferences(member=id, never=frozenset(never), weights=weights or {}, **private))


def mentee(id: str = "ana", **fields: Any) -> Person:
    return person(id, **{"mentee_in": frozenset({CARE}), **fields})


def mentor(id: str = "milo", **fields: Any) -> Person:
    return person(id, **{"mentors_in": frozenset({CARE}), **fields})


def bound(member: Member, private: Preferences | None, bonds: Iterable[Bond]) -> Person:
    """With what each bond does, one after another."""
    known = list(bonds)
    return Person(
        member,
        private or Preferences(member=member.id),
        sum(bond.takes_seat for bond in known if bond.mentor == member.id),
        frozenset(_kept_from(member.id, known)),
        asked=sum(bond.awaits_answer for bond in known if bond.mentor == member.id),
    )


def _kept_from(id: str, bonds: Iterable[Bond]) -> Iterator[str]:
    for bond in bonds:
        if bond.keeps_apart and bond.mentee == id:
            yield bond.mentor
        elif bond.both_ways and bond.mentor == id:
            yield bond.mentee


def policy(*institutions: Institution, **fields: Any) -> Policy:
    known = institutions or (Institution(id=NORTH),)
    admits = frozenset(institution.id for institution in known)
    programme = Programme(**{"id": CARE, "institution": NORTH, "admits": admits, **fields})
    return Policy(programme, {institution.id: institution for institution in known})


def naive(who: Person, people: Sequence[Person], policy: Policy) -> Shortlist:
    """One pair after another, everybody sorted: what the index has to equal."""
    if not rules.is_mentee(who, policy):
        return NOT_ENROLLED
    weights = weights_for(who, policy.programme)
    passing = [person for person in people if rules.broken(who, person, policy) is None]
    entries = [
        Entry(person.id, person.member.institution, sum(parts), parts)
        for person in passing
        if scoring.reaches_minimum(
            parts := scoring.weigh(scoring.factors_of(who, person), weights), weights, policy.programme.minimum_score
        )
    ]
    if not entries:
        return Shortlist(unmatched=rules.reason_for_none(who, people, policy))
    entries.sort(key=lambda entry: (-entry.score, scoring.tie(policy.programme.id, who.id, entry.mentor)))
    return Shortlist(tuple(entries[: policy.programme.list_length]))


SPECIALTIES = [None, "cardiology", "nephrology", "internal-medicine", "surgery", "paediatrics", "pediatrics", "sailing"]
WEEKLY = ["mon-08-12", "mon-10-11", "fri-17-20", "sun-22-24", "mon-00-01"]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Australia/Sydney",
    "Australia/Brisbane",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/New_York",
]
_some = st.booleans()
_often = st.sampled_from([True, True, True, False])
_topics = st.frozensets(st.sampled_from([f"topic-{number}" for number in range(70)]), max_size=6)
_weights = st.dictionaries(st.sampled_from(FACTORS), st.integers(0, 100), max_size=3)


@st.composite
def members(draw: st.DrawFn, id: str | None = None, *, sequence: int = 1) -> Member:
    roles = st.frozensets(st.sampled_from([CARE, "other"]), max_size=2)
    offered = draw(_topics)
    return Member(
        id=id or draw(st.sampled_from(PEOPLE)),
        institution=draw(st.sampled_from([NORTH, NORTH, SOUTH, EAST])),
        sequence=sequence,
        is_active=draw(_often),
        is_paused=not draw(_often),
        mentors_in=draw(roles),
        mentee_in=draw(roles),
        stage=draw(st.sampled_from([None, *STAGES])),
        specialty=draw(st.sampled_from(SPECIALTIES)),
        topics_offered=offered,
        topics_near=draw(_topics) - offered,
        topics_wanted=draw(_topics),
        languages=draw(st.frozensets(st.sampled_from(["en", "de", "fr"]), max_size=3)),
        formats=draw(st.frozensets(st.sampled_from(["video", "phone", "messaging", "in_person"]), max_size=3)),
        time_zone=draw(st.sampled_from([*ZONES, "Nowhere/None"])),
        hours=draw(st.sampled_from([0, 2, 5])),
        capacity=draw(st.sampled_from([0, 1, 3])),
        style=draw(st.sampled_from([None, "coach", "listener"])),
        across_institutions=draw(_some),
        available=draw(st.frozensets(st.sampled_from(WEEKLY), max_size=2)),
        reverse_mentoring=not draw(_often),
    )


@st.composite
def preferences(draw: st.DrawFn, id: str | None = None, *, sequence: int = 1) -> Preferences:
    return Preferences(
        member=id or draw(st.sampled_from(PEOPLE)),
        sequence=sequence,
        never=draw(st.frozensets(st.sampled_from(PEOPLE), max_size=2)),
        weights=draw(_weights),
        topics_most_wanted=draw(_topics),
        identity=draw(st.frozensets(st.sampled_from(["parent", "first-generation"]), max_size=2)),
        wishes_shared_identity=draw(_some),
    )


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    assessor, assessed = draw(st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=2, unique=True))
    programmes = draw(st.frozensets(st.sampled_from([CARE, CARE, "other"])))
    return Assessment(
        id=f"{assessor}-{assessed}", assessor=assessor, assessed=assessed, sequence=1, programmes=programmes
    )


_terms = st.sampled_from(
    [Terms(), Terms(), Terms(gives=False), Terms(receives=False), Terms(ceiling=0), Terms(ceiling=2)]
)


@st.composite
def institutions(draw: st.DrawFn, id: str | None = None, *, sequence: int = 1) -> Institution:
    return Institution(
        id=id or draw(st.sampled_from([NORTH, SOUTH, EAST])),
        sequence=sequence,
        is_active=draw(_often),
        exchanges_with=draw(st.frozensets(st.sampled_from([NORTH, SOUTH, EAST]), min_size=1)),
        terms=draw(st.dictionaries(st.sampled_from([NORTH, SOUTH, EAST]), _terms, max_size=2)),
    )


@st.composite
def programmes(draw: st.DrawFn, *, sequence: int = 1) -> Programme:
    return Programme(
        id=CARE,
        institution=NORTH,
        sequence=sequence,
        is_active=draw(_often),
        admits=draw(st.frozensets(st.sampled_from([NORTH, SOUTH, EAST]), min_size=2)),
        weights=draw(_weights),
        list_length=draw(st.sampled_from([1, 2, 10])),
        minimum_score=draw(st.sampled_from([0, 0, 40])),
    )

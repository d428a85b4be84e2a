"""From people to a round's input: permitted mentors, the best first, own choices before them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel import rules
from services.matching.kernel.participants import (
    Bond,
    Institution,
    Member,
    Person,
    Policy,
    Preferences,
    Programme,
    Terms,
)
from services.matching.rounds.domain.orders import Choice, Orders
from services.matching.rounds.solver.checks import check
from services.matching.rounds.solver.files import Mentee, RoundInput, read_input
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.usecases.cohorts import Cohort, freeze
from services.matching.rounds.usecases.wishlists import Call
from services.matching.suggestions.index.network import Network
from shared.errors import Rejected
from tests.depth import examples
from tests.unit.matching_people import (
    CARE,
    EAST,
    NORTH,
    PEOPLE,
    SOUTH,
    institutions,
    members,
    mentee,
    mentor,
    naive,
    preferences,
    programmes,
)

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


def call(**fields: Any) -> Call:
    usual: dict[str, Any] = {
        "round": "spring",
        "programme": CARE,
        "target": "fit",
        "list_length": 20,
        "score_band": 0,
        "compare": True,
        "orders": Orders(),
        "at": NOW,
        "mentors": {},
        "since": {},
    }
    return Call(**{**usual, **fields})


def network(*people: Person) -> Network:
    index = Network(reserve=0)
    index.put(Institution(id=NORTH))
    index.put(Programme(id=CARE, institution=NORTH, admits=frozenset({NORTH})))
    for person in people:
        index.put(person.private)
        index.put(person.member)
    return index


def frozen(*people: Person, **fields: Any) -> tuple[RoundInput, dict[str, str]]:
    """The input, and who is behind each number."""
    cohort = freeze(network(*people), call(**fields))
    return _read(cohort), {person.number: person.member for person in (*cohort.mentees, *cohort.mentors)}


def _read(cohort: Cohort) -> RoundInput:
    content = b"".join(cohort.content())
    read = read_input(content)
    check(read)
    assert read.file() == content, "canonical as it is written"
    return read


def wished(read: RoundInput, names: dict[str, str]) -> dict[str, list[str]]:
    def ranked(mentee: Mentee) -> list[str]:
        return [names[wish.mentor] for wish in sorted(mentee.wishes, key=lambda wish: wish.rank)]

    return {names[mentee.id]: ranked(mentee) for mentee in read.mentees}


ANA, BEN = mentee("ana"), mentee("ben")
MARA, MILO = mentor("mara", stage="attending"), mentor("milo", capacity=3)


@examples(100)
@given(
    known=st.tuples(institutions(NORTH), institutions(SOUTH), institutions(EAST)),
    programme=programmes(),
    who=st.tuples(*(members(id) for id in PEOPLE[:8])),
    private=st.lists(preferences(), max_size=4, unique_by=lambda preferences: preferences.member),
    length=st.sampled_from([1, 2, 20]),
)
def test_a_mentee_wishes_for_the_best_mentors_that_the_rules_allow(
    known: tuple[Institution, ...],
    programme: Programme,
    who: tuple[Member, ...],
    private: list[Preferences],
    length: int,
) -> None:
    index = Network(reserve=0)
    for state in (*known, programme, *private, *who):
        index.put(state)
    cohort = freeze(index, call(list_length=length))
    names = {each.number: each.member for each in (*cohort.mentees, *cohort.mentors)}
    policy = Policy(replace(programme, list_length=length), {each.id: each for each in known})
    people = [index.person(id) for id in sorted(PEOPLE[:8])]
    wishes, home = wished(_read(cohort), names), {each.id: each.member.institution for each in people}
    expected = {
        each.id: set(
            naive(each, people, _without(policy, each, {home[mentor] for mentor in wishes.get(each.id, ())})).mentors
        )
        for each in people
        if rules.is_mentee(each, policy) and rules.own_reason(each) is None and policy.admits(each.member.institution)
    }
    assert {mentee: set(mentors) for mentee, mentors in wishes.items()} == expected


def _without(policy: Policy, mentee: Person, wished: set[str]) -> Policy:
    """As it is for who has no place in exchanges with a ceiling: with those institutions for which they do not wish."""
    beyond = policy.capped((mentee.member.institution, home) for home in policy.institutions if home not in wished)
    return replace(policy, given=dict.fromkeys(beyond, 1_000))


def across(ceiling: int, *bonds: Bond, **fields: Any) -> tuple[RoundInput, dict[str, str]]:
    """Four of north, for whom south's two mentors or their own one may be; south gives so many seats."""
    index = network(*(mentee(who, across_institutions=True) for who in ("ana", "ben", "cleo", "dora")), mentor("mara"))
    everyone = frozenset({NORTH, SOUTH})
    for state in (
        Institution(id=NORTH, exchanges_with=everyone, sequence=2),
        Institution(id=SOUTH, exchanges_with=everyone, terms={NORTH: Terms(ceiling=ceiling)}),
        Programme(id=CARE, institution=NORTH, admits=everyone, sequence=2),
        *(mentor(who, institution=SOUTH, across_institutions=True, capacity=9).member for who in ("sam", "sue")),
        *bonds,
    ):
        index.put(state)
    cohort = freeze(index, call(**fields))
    return _read(cohort), {each.number: each.member for each in (*cohort.mentees, *cohort.mentors)}


def who_wishes_across(read: RoundInput, names: dict[str, str]) -> set[str]:
    return {who for who, mentors in wished(read, names).items() if {"sam", "sue"} & set(mentors)}


def test_wishes_across_institutions_are_limited_to_the_seats_below_the_ceiling() -> None:
    taken = Bond(id="b", mentee="x", mentor="y", exchange=(NORTH, SOUTH), sequence=1, takes_seat=True)
    for bonds, left in (((), 3), ((taken,), 2)):
        read, names = across(3, *bonds)
        [between] = read.exchanges
        assert (between.mentee_institution, between.mentor_institution, between.at_most) == (NORTH, SOUTH, left)
        assert len(who_wishes_across(read, names)) == left
        assert all("mara" in mentors for mentors in wished(read, names).values())


def test_wishes_across_institutions_are_ordered_by_pin_rank_and_waiting_time() -> None:
    orders = Orders(wishes=(Choice(member="cleo", choices=("mara",)),), pins=(("dora", "sam"),))
    since = {"cleo": NOW - timedelta(days=90), "ben": NOW - timedelta(days=30)}
    read, names = across(2, orders=orders, since=since)
    assert who_wishes_across(read, names) == {"dora", "ben"}


@pytest.mark.parametrize("lot", range(5))
def test_a_seat_across_goes_to_a_mentee_unmatched_without_it(lot: int) -> None:
    """Everybody would like mara best, who has one seat."""
    read, names = across(1, round=f"round-{lot}")
    result = solve(read.file())
    pairs = {names[mentee.id]: names[mentee.mentor] for mentee in result.mentees if mentee.mentor}
    assert len(pairs) == 2
    assert "mara" in pairs.values()


def test_pins_beyond_a_ceiling_cannot_all_be_kept() -> None:
    with pytest.raises(Rejected) as refused:
        across(1, orders=Orders(pins=(("ana", "sam"), ("ben", "sue"))))
    assert (refused.value.code, [error.field for error in refused.value.errors]) == ("round_infeasible", ["pins.0"])


def test_own_choices_precede_scores_and_a_forbidden_choice_is_ignored() -> None:
    orders = Orders(wishes=(Choice(member="ana", choices=("mara", "milo")), Choice(member="ben", choices=("mara",))))
    never = replace(MARA, private=Preferences(member="mara", never=frozenset({"ben"})))
    read, names = frozen(ANA, BEN, never, MILO, orders=orders)
    assert wished(read, names) == {"ana": ["mara", "milo"], "ben": ["milo"]}


def test_a_pin_precedes_its_mentees_wishes_and_stays_on_the_shortest_list() -> None:
    orders = Orders(wishes=(Choice(member="ana", choices=("mara",)),), pins=(("ana", "milo"),))
    read, names = frozen(ANA, MARA, MILO, orders=orders, list_length=1)
    assert wished(read, names) == {"ana": ["milo"]}
    assert [(names[pin.mentee], names[pin.mentor]) for pin in read.pins] == [("ana", "milo")]


def test_a_mentors_wish_affects_ranks_and_adds_no_mentor_to_a_list() -> None:
    orders = Orders(mentor_wishes=(Choice(member="milo", choices=("ben", "ana")),))
    never = replace(BEN, private=Preferences(member="ben", never=frozenset({"milo"})))
    read, names = frozen(ANA, never, mentee("cleo"), MILO, orders=orders)
    ranks = {names[mentee.id]: wish.mentor_rank for mentee in read.mentees for wish in mentee.wishes}
    assert ranks == {"ana": 1, "cleo": 2}


def test_capacity_is_the_free_seats_and_a_mentee_with_a_mentor_takes_no_part() -> None:
    read, names = frozen(ANA, BEN, MILO, mentor("full", capacity=0), mentors={"ben": 1})
    assert {names[mentor.id]: mentor.capacity for mentor in read.mentors} == {"milo": 3}
    assert [names[mentee.id] for mentee in read.mentees] == ["ana"]


def test_a_mentee_wants_as_many_as_are_missing_and_begins_late_unless_pinned() -> None:
    people = (mentee("ana", mentors_wanted=3), mentee("ben", mentors_wanted=2), mentee("cleo", mentors_wanted=2))
    had = {"ana": 1, "ben": 2, "cleo": 1}
    read, names = frozen(*people, MARA, MILO, mentors=had, orders=Orders(pins=(("cleo", "milo"),)))
    frozen_as = {names[mentee.id]: (mentee.mentors_wanted, mentee.has_mentor) for mentee in read.mentees}
    assert frozen_as == {"ana": (2, True), "cleo": (1, False)}


def test_a_mentee_who_has_a_mentor_has_not_waited() -> None:
    since = {"ana": NOW - timedelta(days=40)}
    read, _ = frozen(mentee("ana", mentors_wanted=2), MILO, mentors={"ana": 1}, since=since)
    assert [mentee.waiting_days for mentee in read.mentees] == [0]


def test_a_least_group_counts_up_to_the_capacity_and_until_the_group_begins() -> None:
    known = network(ANA, mentor("small", capacity=2, least_group=5), mentor("begun", capacity=4, least_group=3), MILO)
    known.put(Bond(id="s", mentee="zoe", mentor="begun", sequence=1, takes_seat=True))
    cohort = freeze(known, call())
    names = {person.number: person.member for person in cohort.mentors}
    read = {names[mentor.id]: (mentor.capacity, mentor.least_group) for mentor in _read(cohort).mentors}
    assert read == {"small": (2, 2), "begun": (3, 0), "milo": (3, 0)}


@given(st.permutations([ANA, BEN, MARA, MILO, mentee("cleo"), mentor("moe")]))
def test_the_input_does_not_depend_on_the_order_of_people(people: list[Person]) -> None:
    assert frozen(*people) == frozen(*sorted(people, key=lambda person: person.id))


def test_days_waited_are_counted_up_to_a_century() -> None:
    since = {"ana": NOW - timedelta(days=40, hours=5), "ben": NOW - timedelta(days=99_999)}
    read, names = frozen(ANA, BEN, mentee("new"), MILO, since=since)
    assert {names[mentee.id]: mentee.waiting_days for mentee in read.mentees} == {"ana": 40, "ben": 36_500, "new": 0}


def test_equal_policies_have_equal_hashes() -> None:
    first, other = (freeze(network(ANA, MILO), call(list_length=length)) for length in (20, 20))
    shorter = freeze(network(ANA, MILO), call(list_length=5))
    assert first.policy_sha256 == other.policy_sha256 != shorter.policy_sha256


def orders_wrong(orders: Orders, *people: Person, **fields: Any) -> Iterable[str]:
    with pytest.raises(Rejected) as refused:
        frozen(*people, orders=orders, **fields)
    return [error.field for error in refused.value.errors]


def test_a_pin_of_a_mentee_who_already_has_a_mentor_is_refused() -> None:
    assert orders_wrong(Orders(pins=(("ana", "milo"),)), ANA, MILO, mentors={"ana": 1}) == ["pins.0"]


def test_all_errors_of_orders_are_listed_together() -> None:
    orders = Orders(
        wishes=(Choice(member="ana", choices=("nobody",)), Choice(member="ana", choices=("milo",))),
        pins=(("ana", "milo"), ("ana", "mara")),
        exclusions=(("ana", "mara"), ("who", "milo")),
    )
    assert orders_wrong(orders, ANA, MARA, MILO) == [
        "wishes.1",
        "wishes.0.mentors.0",
        "exclusions.1.mentee",
        "pins.1",
        "pins.1",
    ]

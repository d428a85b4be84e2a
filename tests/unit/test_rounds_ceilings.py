"""Rounds with ceilings between institutions: no more mentees wish, or are matched, across than seats are left."""

import random
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import pytest

from deploy.verify import verify
from services.matching.kernel.participants import Exchange, Institution, Person, Programme, Terms
from services.matching.rounds.domain.orders import Choice, Orders
from services.matching.rounds.solver.checks import check
from services.matching.rounds.solver.files import RoundInput, Target, read_input
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.usecases.cohorts import Cohort, freeze
from services.matching.rounds.usecases.wishlists import Call
from services.matching.suggestions.index.network import Network
from tests.unit.matching_people import CARE, mentee, mentor

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
HOMES = ("north", "south", "east", "west")
SEEDS = range(50)
TARGETS: tuple[Target, ...] = ("fit", "coverage")


def random_person(dice: random.Random, id: str) -> Person:
    return (mentee if id.startswith("e") else mentor)(
        id,
        institution=dice.choice(HOMES),
        across_institutions=dice.random() < 0.8,
        topics_wanted=frozenset(dice.sample("abcdef", 2)),
        topics_offered=frozenset(dice.sample("abcdef", 2)),
        languages=frozenset(dice.sample(("en", "de", "fr"), dice.choice((1, 2)))),
        capacity=dice.choice((1, 1, 2)),
    )


def network(people: Collection[Person], ceilings: Mapping[Exchange, int | None]) -> Network:
    """`ceilings` by the institutions of mentees and of mentors."""
    known, institutions = Network(reserve=0), frozenset(HOMES)
    for home in HOMES:
        terms = {other: Terms(ceiling=ceilings[other, home]) for other in institutions - {home}}
        known.put(Institution(id=home, exchanges_with=institutions - {home}, terms=terms))
    known.put(Programme(id=CARE, institution=HOMES[0], admits=institutions))
    for person in people:
        known.put(person.private)
        known.put(person.member)
    return known


@cache
def frozen(seed: int) -> Cohort:
    dice = random.Random(seed)
    mentees, mentors = [f"e{number}" for number in range(32)], [f"m{number}" for number in range(28)]
    people = [random_person(dice, id) for id in (*mentees, *mentors)]
    ceilings = {pair: dice.choice((1, 2, 4)) for pair in product(HOMES, repeat=2)}
    orders = Orders(
        wishes=tuple(
            Choice(member=who, choices=tuple(dice.sample(mentors, 3))) for who in mentees if dice.random() < 0.3
        ),
        exclusions=tuple((who, dice.choice(mentors)) for who in dice.sample(mentees, 4)),
    )
    call = Call(
        round=f"round-{seed}",
        programme=CARE,
        target="fit",
        list_length=dice.choice((1, 2, 4, 20)),
        score_band=dice.choice((0, 500)),
        compare=True,
        orders=orders,
        at=NOW,
        mentors={},
        since={who: NOW - timedelta(days=dice.randrange(200)) for who in mentees},
    )
    return freeze(network(people, ceilings), call)


def content(seed: int, target: Target) -> bytes:
    return b"".join(frozen(seed).content()).replace(b'"target":"fit"', f'"target":"{target}"'.encode())


def homes(read: RoundInput) -> dict[str, str]:
    return {person.id: person.institution for person in (*read.mentees, *read.mentors)}


def limits(read: RoundInput) -> dict[Exchange, int]:
    return {(limit.mentee_institution, limit.mentor_institution): limit.at_most for limit in read.exchanges}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_more_mentees_wish_across_than_seats_are_left_below_the_ceiling(seed: int) -> None:
    read = read_input(content(seed, "fit"))
    home, allowed = homes(read), limits(read)
    crossing = Counter(
        exchange
        for mentee_ in read.mentees
        for exchange in {(mentee_.institution, home[wish.mentor]) for wish in mentee_.wishes}
    )
    assert {exchange: count for exchange, count in crossing.items() if count > allowed.get(exchange, 99)} == {}
    assert max(len(mentee_.wishes) for mentee_ in read.mentees) <= read.policy.list_length


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", SEEDS)
def test_neither_target_matches_more_pairs_across_than_seats_are_left(seed: int, target: Target) -> None:
    given = content(seed, target)
    result, read = solve(given), read_input(given)
    home, allowed = homes(read), limits(read)
    pairs = Counter((home[mentee.id], home[mentee.mentor]) for mentee in result.mentees if mentee.mentor)
    assert {exchange: count for exchange, count in pairs.items() if count > allowed.get(exchange, 99)} == {}
    assert verify(given, result.file())


def three_mentees_and_a_seat_in_each_of_three_institutions(orders: Orders) -> dict[str, str | None]:
    """The mentor of each mentee; one seat is left of south for north, and one of east."""
    unlimited: dict[Exchange, int | None] = dict.fromkeys(product(HOMES, repeat=2))
    people = [mentee(who, across_institutions=True) for who in ("ana", "ben", "cleo")]
    people += [mentor(home, institution=home, across_institutions=True, capacity=1) for home in HOMES[:3]]
    call = Call(
        round="spring",
        programme=CARE,
        target="fit",
        list_length=20,
        score_band=0,
        compare=True,
        orders=orders,
        at=NOW,
        mentors={},
        since={"ana": NOW - timedelta(days=90), "ben": NOW - timedelta(days=60)},
    )
    cohort = freeze(network(people, {**unlimited, ("north", "south"): 1, ("north", "east"): 1}), call)
    names = {person.number: person.member for person in (*cohort.mentees, *cohort.mentors)}
    result = solve(b"".join(cohort.content()))
    return {names[mentee.id]: mentee.mentor and names[mentee.mentor] for mentee in result.mentees}


def test_an_unused_seat_across_stays_free_unless_a_pair_is_pinned_to_it() -> None:
    """Ben may wish for both institutions, and needs one."""
    matched = three_mentees_and_a_seat_in_each_of_three_institutions(Orders())
    assert (matched["ana"], matched["cleo"]) == ("north", None)
    assert matched["ben"] in {"south", "east"}

    pinned = three_mentees_and_a_seat_in_each_of_three_institutions(Orders(pins=(("cleo", "east"),)))
    assert pinned == {"ana": "north", "ben": "south", "cleo": "east"}


def test_a_mentee_who_wants_more_across_than_seats_are_left_wants_one_in_this_round() -> None:
    unlimited: dict[Exchange, int | None] = dict.fromkeys(product(HOMES, repeat=2))
    people = [mentee(who, across_institutions=True, mentors_wanted=2) for who in ("ana", "ben")]
    people += [mentor(who, institution="south", across_institutions=True) for who in ("mara", "milo")]
    call = Call(
        round="spring",
        programme=CARE,
        target="fit",
        list_length=20,
        score_band=0,
        compare=True,
        orders=Orders(),
        at=NOW,
        mentors={},
        since={},
    )
    for seats, wanted in ((4, [2, 2]), (3, [1, 2]), (2, [1, 1])):
        cohort = freeze(network(people, {**unlimited, ("north", "south"): seats}), call)
        read = read_input(b"".join(cohort.content()))
        check(read)
        assert sorted(mentee_.mentors_wanted for mentee_ in read.mentees) == wanted
        assert all(mentee_.wishes for mentee_ in read.mentees)

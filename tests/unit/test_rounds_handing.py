"""Places across that are handed on: more people are matched, nobody loses by it, and no ceiling is passed."""

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import product

import numpy as np
import pytest

from deploy.verify import verify
from services.matching.kernel.participants import Exchange, Institution, Person, Programme, Terms
from services.matching.rounds.domain.orders import Choice, Orders
from services.matching.rounds.solver import ceilings
from services.matching.rounds.solver.coverage import coverage
from services.matching.rounds.solver.model import NOBODY, Instance
from services.matching.rounds.solver.proposals import fit
from services.matching.rounds.solver.reassignment import Handed, Spare, hand_on
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.solver.wishing import Pairs
from services.matching.rounds.usecases.cohorts import freeze, gather
from services.matching.rounds.usecases.wishlists import Call, Gathering, Lists, handed_on, shared_out
from services.matching.suggestions.index.network import Network
from tests.unit.matching_people import CARE, mentee, mentor

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
HOMES = ("north", "south", "east", "west")
SEEDS = (*range(50), 80, 138, 200)
"""In the last ones coverage uses places that fit does not."""


def somebody(dice: random.Random, id: str) -> Person:
    return (mentee if id.startswith("e") else mentor)(
        id,
        institution=dice.choice(HOMES),
        across_institutions=dice.random() < 0.8,
        topics_wanted=frozenset(dice.sample("abcdef", 2)),
        topics_offered=frozenset(dice.sample("abcdef", 2)),
        languages=frozenset(dice.sample(("en", "de", "fr"), dice.choice((1, 2)))),
        capacity=dice.choice((1, 1, 2)),
    )


def network(people: Collection[Person], limits: dict[Exchange, int | None]) -> Network:
    """`limits`: of each two institutions, by mentees' and mentors'."""
    one, everybody = Network(reserve=0), frozenset(HOMES)
    for home in HOMES:
        terms = {other: Terms(ceiling=limits.get((other, home))) for other in everybody - {home}}
        one.put(Institution(id=home, exchanges_with=everybody - {home}, terms=terms))
    one.put(Programme(id=CARE, institution=HOMES[0], admits=everybody))
    for person in people:
        one.put(person.private)
        one.put(person.member)
    return one


def chance(seed: int, *, capped: bool = True) -> tuple[Network, Call]:
    dice = random.Random(seed)
    mentees, mentors = [f"e{number}" for number in range(32)], [f"m{number}" for number in range(28)]
    people = [somebody(dice, id) for id in (*mentees, *mentors)]
    limits = {pair: dice.choice((1, 2, 4)) if capped else None for pair in product(HOMES, repeat=2)}
    orders = Orders(
        wishes=tuple(
            Choice(member=one, choices=tuple(dice.sample(mentors, 3))) for one in mentees if dice.random() < 0.3
        ),
        exclusions=tuple((one, dice.choice(mentors)) for one in dice.sample(mentees, 4)),
    )
    since = {one: NOW - timedelta(days=dice.randrange(200)) for one in mentees}
    call = Call(
        round=f"round-{seed}",
        programme=CARE,
        target="fit",
        list_length=dice.choice((1, 2, 4, 20)),
        score_band=dice.choice((0, 500)),
        compare=True,
        orders=orders,
        at=NOW,
        engaged=(),
        since=since,
    )
    return network(people, limits), call


@dataclass(frozen=True)
class Solved:
    """One list of wishes, and what both targets make of it."""

    one: Gathering
    lists: Lists

    @cached_property
    def columns(self) -> Instance:
        return ceilings.columns(self.one.wishes(self.lists.pairs), self.one.cohort)

    def mentors(self, outcome: np.ndarray[tuple[int], np.dtype[np.intp]]) -> dict[int, int]:
        return {row: int(self.columns.mentor[wish]) for row, wish in enumerate(outcome) if wish != NOBODY}

    @cached_property
    def fit(self) -> dict[int, int]:
        return self.mentors(fit(self.columns))

    @cached_property
    def coverage(self) -> tuple[dict[int, int], int]:
        """And its score."""
        outcome = coverage(self.columns).outcome
        return self.mentors(outcome), int(self.columns.score[outcome[outcome != NOBODY]].sum())

    @cached_property
    def wished(self) -> dict[int, list[int]]:
        lists: defaultdict[int, list[int]] = defaultdict(list)
        for row, mentor_ in zip(self.columns.mentee.tolist(), self.columns.mentor.tolist(), strict=True):
            lists[row].append(mentor_)
        return lists

    def exchange(self, row: int, mentor_: int) -> Exchange:
        return self.one.cohort.mentee_homes[row], self.one.cohort.mentor_homes[mentor_]

    @cached_property
    def holders(self) -> dict[Exchange, set[int]]:
        limits = ceilings.ceilings(self.one.company.policy, self.one.cohort)
        return {
            exchange: {row for row, them in self.wished.items() if exchange in {self.exchange(row, x) for x in them}}
            for exchange in limits
        }


@cache
def both(seed: int, *, capped: bool = True) -> tuple[Solved, Solved]:
    """As places are shared out, and after some are handed on."""
    one, *_ = gather(*chance(seed, capped=capped))
    before = shared_out(one)
    return Solved(one, before), Solved(one, handed_on(one, before))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_more_wish_across_than_seats_are_left_and_no_list_is_longer_than_lists_are(seed: int) -> None:
    _, after = both(seed)
    call = after.one.call
    limits = ceilings.ceilings(after.one.company.policy, after.one.cohort)
    assert all(len(holders) <= limits[exchange] for exchange, holders in after.holders.items())
    assert max(map(len, after.wished.values()), default=0) <= call.list_length


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_was_matched_is_and_likes_their_mentor_no_less(seed: int) -> None:
    before, after = both(seed)
    for row, mentor_ in before.fit.items():
        liked = before.wished[row]
        assert liked.index(after.fit[row]) <= liked.index(mentor_)


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_takes_a_place_had_nobody_and_finds_somebody(seed: int) -> None:
    before, after = both(seed)
    for row, id in enumerate(before.one.mentees):
        if before.lists.closed.get(id, frozenset()) - after.lists.closed.get(id, frozenset()):
            assert (row in before.fit, row in after.fit) == (False, True)


@pytest.mark.parametrize("seed", SEEDS)
def test_coverage_matches_no_fewer_and_if_as_many_with_no_lower_score(seed: int) -> None:
    (before, score), (after, higher) = (one.coverage for one in both(seed))
    assert (len(after), higher) >= (len(before), score)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_places_that_neither_target_uses_none_is_left_to_somebody_who_is_left_over_and_could_use_it(
    seed: int,
) -> None:
    """Who has nobody keeps a place. Of a list of one, coverage's mentor is not given up for one across."""
    _, after = both(seed)
    call = after.one.call
    taken = {"fit": after.fit, "coverage": after.coverage[0]}
    for exchange, holders in after.holders.items():
        used = {
            row
            for row in holders
            if row not in after.fit
            or any(row in one and after.exchange(row, one[row]) == exchange for one in taken.values())
        }
        limit = ceilings.ceilings(after.one.company.policy, after.one.cohort)[exchange]
        if len(used) == limit:
            continue
        assert not [row for row in could_use(after, exchange) if call.list_length > 1 or row not in taken["coverage"]]


def could_use(after: Solved, exchange: Exchange) -> list[int]:
    """Who is left over, had to wish without this exchange, and would find a free seat among their best there."""
    one, matched = after.one, after.fit
    free = [seats - list(matched.values()).count(place) for place, seats in enumerate(one.cohort.capacity.tolist())]
    found = []
    for row, id in enumerate(one.mentees):
        closed = after.lists.closed.get(id, frozenset())
        if row in matched or exchange not in closed:
            continue
        [(_, ranked)] = one.pool.ranked_without({id: closed - {exchange}}, one.call.list_length)
        there = [one.mentors.index(other) for other in ranked.mentors]
        if any(
            after.exchange(row, other) == exchange and free[other] > 0 and (row, other) not in one.cohort.exclusions
            for other in there
        ):
            found.append(row)
    return found


def test_a_seat_is_found_by_one_only_and_a_pair_kept_apart_finds_none() -> None:
    nobody = np.zeros(3, dtype=np.int64)
    cohort = ceilings.Cohort(
        round="spring",
        mentees=["a", "b", "c"],
        mentors=["m"],
        mentee_homes=["north"] * 3,
        mentor_homes=["south"],
        capacity=np.array([1]),
        days=np.array([9, 1, 5]),
        pins=(),
        exclusions=[(0, 0)],
    )
    between = ("north", "south")
    spare = Spare(places={between: 3}, givers={between: []}, free=np.array([1]), left_over=np.arange(3))
    everybody = Pairs(mentee=np.arange(3), mentor=nobody, score=nobody, named=nobody, mentor_named=nobody)
    assert hand_on(spare, {between: everybody}, cohort) == {
        2: Handed(exchange=between, mentors=frozenset({0}), mentor=0)
    }, "of those who may be with the mentor, who waits longest"


def test_more_people_are_matched_and_not_only_once_in_a_while() -> None:
    pairs = [both(seed) for seed in SEEDS]
    rounds = [len(after.fit) - len(before.fit) for before, after in pairs]
    assert sum(more > 0 for more in rounds) >= 10, rounds


@pytest.mark.parametrize("seed", range(12))
def test_what_is_frozen_is_a_round_that_verifies_under_either_target(seed: int) -> None:
    known, call = chance(seed)
    content = b"".join(freeze(known, call).content())
    other = content.replace(b'"target":"fit"', b'"target":"coverage"')
    for given in (content, other):
        assert verify(given, solve(given).file())


def test_a_round_without_ceilings_is_left_as_it_is() -> None:
    before, after = both(1, capped=False)
    assert before.lists is after.lists


def test_nothing_is_handed_on_where_coverage_is_too_large_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(one for one in SEEDS if both(one)[0].lists is not both(one)[1].lists)
    one, *_ = gather(*chance(seed))
    before = shared_out(one)
    monkeypatch.setattr("services.matching.rounds.solver.coverage._MOST_PLACES", 1)
    assert handed_on(one, before) is before

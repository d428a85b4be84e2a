"""Repair against every way in which a small network could be repaired."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.repairs.domain.planning import Repaired, RepairProblem, reason_left_behind, repair
from services.matching.rounds.solver.model import NONE, Instance
from services.matching.rounds.solver.solving import prepared
from tests.depth import examples
from tests.unit.rounds_kit import document, documents, mentee, mentor, pair, parsed, wish

FEW, MANY = 100, 500


@st.composite
def problems(draw: st.DrawFn, *, most: int = 6) -> RepairProblem:
    """Some hold a wish of theirs, some were displaced, some look on; a mentor may hold more than there are seats."""
    instance = prepared(parsed(draw(documents(target="fit", most=most))))
    held = instance.pinned.copy()
    left = (instance.seats + draw(st.sampled_from([0, 0, 0, 1]))).tolist()
    for person in range(len(instance.mentees)):
        wishes = range(instance.first[person], instance.first[person + 1])
        if held[person] == NONE and wishes and draw(st.booleans()):
            chosen = draw(st.sampled_from(wishes))
            if left[instance.mentor[chosen]] > 0:
                left[instance.mentor[chosen]] -= 1
                held[person] = chosen
    many = len(instance.mentees)
    displaced = np.array(draw(st.lists(st.booleans(), min_size=many, max_size=many)), dtype=np.bool_)
    before = draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=many, max_size=many))
    return RepairProblem(
        instance=instance, held=held, displaced=displaced & (held == NONE), times_unplaced=np.array(before, dtype=int)
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """By mentee, the wish that is true."""

    wishes: tuple[int, ...]

    def moved(self, problem: RepairProblem) -> int:
        return sum(held not in (NONE, now) for held, now in zip(problem.held.tolist(), self.wishes, strict=True))

    def placed(self, problem: RepairProblem) -> int:
        return sum(problem.displaced[mentee] and now != NONE for mentee, now in enumerate(self.wishes))


def outcomes(problem: RepairProblem, *, bystanders: int) -> Iterator[Outcome]:
    """Every one that keeps seats, pins and exclusions, and in which nobody comes to a mentor who holds too many."""
    instance = problem.instance
    seats, full = instance.capacity.tolist(), (problem.free < 0).tolist()

    def extend(so_far: tuple[int, ...], moved: int) -> Iterator[Outcome]:
        mentee = len(so_far)
        if mentee == len(instance.mentees):
            taken = Counter(instance.mentor[wish] for wish in so_far if wish != NONE)
            if all(taken[at] <= seats[at] or full[at] for at in taken):
                yield Outcome(so_far)
            return
        held = int(problem.held[mentee])
        options = [held]
        if problem.displaced[mentee] or (held != NONE and moved < bystanders):
            options += [
                wish
                for wish in range(instance.first[mentee], instance.first[mentee + 1])
                if instance.open[wish] and wish != held and not full[instance.mentor[wish]]
            ]
        for option in options:
            yield from extend((*so_far, option), moved + (held not in (NONE, option)))

    yield from extend((), 0)


def blocking(problem: RepairProblem, wishes: tuple[int, ...], *, among_displaced: bool) -> list[tuple[int, int]]:
    """Pairs (mentee, mentor) that would rather have each other. Among the displaced: bystanders are furniture."""
    instance = problem.instance

    def there(mentor: int) -> list[int]:
        return [true for true in wishes if true != NONE and instance.mentor[true] == mentor]

    def rank_of(wish: int) -> tuple[int, int]:
        before = int(problem.times_unplaced[instance.mentee[wish]]) if among_displaced else 0
        return -before, int(instance.mentor_position[wish])

    def may_block(mentee: int) -> bool:
        return bool(problem.displaced[mentee]) or not among_displaced

    def may_move(wish: int) -> bool:
        return bool(instance.pinned[instance.mentee[wish]] == NONE)

    found = []
    for person, now in enumerate(wishes):
        for better in range(instance.first[person], instance.first[person + 1] if now == NONE else now):
            held = there(instance.mentor[better])
            loose = [each for each in held if may_block(int(instance.mentee[each])) and may_move(each)]
            is_better = any(rank_of(each) > rank_of(better) for each in loose)
            has_seat = len(held) < instance.capacity[instance.mentor[better]]
            if instance.open[better] and may_block(person) and (has_seat or is_better):
                found.append((person, int(instance.mentor[better])))
    return found


def wishes_of(repaired: Repaired) -> tuple[int, ...]:
    return tuple(repaired.outcome.tolist())


@examples(FEW)
@given(problems())
def test_without_permitted_moves_no_bystander_moves(problem: RepairProblem) -> None:
    repaired = repair(problem, bystanders=0)
    assert repaired.moved == 0
    assert repaired.outcome[~problem.displaced].tolist() == problem.held[~problem.displaced].tolist()
    assert all(len(chain) == 1 for chain in repaired.chains)


@examples(MANY)
@given(problems(most=5))
def test_the_displaced_are_stable_among_themselves_and_no_such_outcome_is_better_for_any(
    problem: RepairProblem,
) -> None:
    outcome = wishes_of(repair(problem, bystanders=0))
    assert blocking(problem, outcome, among_displaced=True) == []
    for other in outcomes(problem, bystanders=0):
        if not blocking(problem, other.wishes, among_displaced=True):
            assert all(
                theirs == NONE or (NONE < ours <= theirs) for ours, theirs in zip(outcome, other.wishes, strict=True)
            )


@examples(MANY)
@given(problems(most=5), st.integers(1, 3))
def test_no_other_plan_places_more_or_moves_fewer(problem: RepairProblem, bystanders: int) -> None:
    ours = Outcome(wishes_of(repair(problem, bystanders=bystanders)))
    ways = [(outcome.placed(problem), -outcome.moved(problem)) for outcome in outcomes(problem, bystanders=bystanders)]
    assert (ours.placed(problem), -ours.moved(problem)) == max(ways)


@examples(MANY)
@given(problems(), st.integers(0, 4))
def test_seats_pins_and_exclusions_are_kept_and_the_figures_are_true(problem: RepairProblem, bystanders: int) -> None:
    repaired, instance = repair(problem, bystanders=bystanders), problem.instance
    outcome = wishes_of(repaired)
    came = [wish for wish, held in zip(outcome, problem.held.tolist(), strict=True) if wish != held]
    taken = Counter(instance.mentor[wish] for wish in outcome if wish != NONE)
    assert all(
        taken[instance.mentor[wish]] <= instance.capacity[instance.mentor[wish]] and instance.open[wish]
        for wish in came
    )
    assert repaired.moved == Outcome(outcome).moved(problem) <= bystanders
    assert repaired.blocking == len(blocking(problem, outcome, among_displaced=False))


@examples(MANY)
@given(problems(), st.integers(0, 4))
def test_every_chain_can_be_carried_out_without_the_others(problem: RepairProblem, bystanders: int) -> None:
    repaired, instance = repair(problem, bystanders=bystanders), problem.instance
    movers = [mentee for chain in repaired.chains for mentee in chain]
    assert sorted(movers) == np.flatnonzero(repaired.outcome != problem.held).tolist()
    left = problem.free.clip(0).tolist()
    for chain in repaired.chains:
        assert problem.displaced[chain[0]]
        assert not problem.displaced[list(chain[1:])].any()
        for comes, goes in pairwise(chain):
            assert instance.mentor[repaired.outcome[comes]] == instance.mentor[problem.held[goes]]
        left[instance.mentor[repaired.outcome[chain[-1]]]] -= 1
    assert min(left, default=0) >= 0


def wanting_one_seat(*, times_unplaced: tuple[int, int]) -> RepairProblem:
    """Ada stands higher with the only mentor than Ben; both were displaced."""
    mentees = [mentee("ada", wish("h", mentor_rank=1)), mentee("ben", wish("h", mentor_rank=2))]
    instance = prepared(parsed(document([mentor("h")], mentees)))
    return RepairProblem(
        instance=instance,
        held=np.full(2, NONE),
        displaced=np.ones(2, dtype=np.bool_),
        times_unplaced=np.array(times_unplaced),
    )


def test_mentees_left_unplaced_before_come_first() -> None:
    assert (repair(wanting_one_seat(times_unplaced=(0, 0)), bystanders=0).outcome != NONE).tolist() == [True, False]
    assert (repair(wanting_one_seat(times_unplaced=(0, 1)), bystanders=0).outcome != NONE).tolist() == [False, True]


def in_a_row(*, pins: bool = False) -> Instance:
    """Ada wants only h, which Ben has, who could go to i, which has a seat."""
    mentees = [mentee("ada", wish("h", mentor_rank=2)), mentee("ben", wish("h", 1), wish("i", 2)), mentee("cyd")]
    orders = {"pins": [pair("ben", "h")]} if pins else {}
    return prepared(parsed(document([mentor("h"), mentor("i")], mentees, **orders)))


def one_displaced(instance: Instance) -> RepairProblem:
    return RepairProblem(
        instance=instance,
        held=np.array([NONE, instance.first[1], NONE]),
        displaced=np.array([True, False, True]),
        times_unplaced=np.zeros(3, dtype=int),
    )


def test_a_bystander_makes_room_only_where_that_is_allowed() -> None:
    problem = one_displaced(in_a_row())
    assert repair(problem, bystanders=0).chains == ()
    repaired = repair(problem, bystanders=1)
    assert (repaired.chains, repaired.moved, repaired.blocking) == (((0, 1),), 1, 1)
    assert repair(one_displaced(in_a_row(pins=True)), bystanders=1).moved == 0


@pytest.mark.parametrize(("times_unplaced", "first"), [((1, 0, 0), 0), ((0, 0, 1), 2)])
def test_a_seat_freed_by_a_bystander_goes_to_mentees_left_unplaced_before(
    times_unplaced: tuple[int, ...], first: int
) -> None:
    mentees = [mentee("ada", wish("h")), mentee("ben", wish("h", 1), wish("i", 2)), mentee("cyd", wish("h"))]
    instance = prepared(parsed(document([mentor("h"), mentor("i")], mentees)))
    problem = replace(one_displaced(instance), times_unplaced=np.array(times_unplaced))
    assert repair(problem, bystanders=1).chains == ((first, 1),)


def test_an_unplaced_mentee_has_a_reason() -> None:
    problem = one_displaced(in_a_row())
    assert [reason_left_behind(problem, mentee) for mentee in (0, 2)] == ["full", "no_wishes"]
    assert reason_left_behind(wanting_one_seat(times_unplaced=(0, 0)), 1) == "outranked"
    excluded = replace(problem.instance, excluded=np.ones(3, dtype=np.bool_))
    assert reason_left_behind(replace(problem, instance=excluded), 0) == "excluded"


def test_a_displaced_mentee_who_holds_a_seat_is_a_contradiction() -> None:
    problem = one_displaced(in_a_row())
    with pytest.raises(ValueError, match="displaced"):
        repair(replace(problem, displaced=np.ones(3, dtype=np.bool_)), bystanders=0)


def test_an_empty_network_is_repaired_at_once() -> None:
    instance = prepared(parsed(document([], [mentee("ada")])))
    problem = RepairProblem(
        instance=instance,
        held=np.full(1, NONE),
        displaced=np.ones(1, dtype=np.bool_),
        times_unplaced=np.zeros(1, dtype=int),
    )
    assert repair(problem, bystanders=3).outcome.tolist() == [NONE]

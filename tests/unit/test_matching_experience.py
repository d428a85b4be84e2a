"""Mentees' ratings of a mentor, counted so that no single answer can be derived."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.feedback.domain import RATINGS, Counted, Rating, Sum, count, forget, is_group
from services.matching.kernel import scoring
from services.matching.kernel.participants import USUAL
from services.matching.kernel.reasons import reasons
from shared.contracts.profiles import FACTORS
from tests.unit.matching_people import mentee, mentor, person

NOTHING = Sum()
ratings = st.sampled_from(RATINGS)
MANY = Sum(answers=1000, total=4000)
"""Of a network whose mentees give 4 on the whole."""


def level(*given: Rating, before: Sum = NOTHING, others: Sum = MANY) -> int:
    return count(given, before, others).level


def test_fewer_than_three_answers_are_not_counted() -> None:
    new: list[Rating] = [1, 1, 1]
    assert [is_group(new[:number]) for number in range(4)] == [False, False, False, True]
    assert level(1, 1, 1) < USUAL


def test_later_answers_are_added_to_what_counts_already() -> None:
    before = Sum(answers=3, total=13)
    assert count([2, 2, 3], before, MANY) == Counted(sum=Sum(answers=6, total=20), level=25)


def test_few_answers_weigh_little_and_many_weigh_fully() -> None:
    def after(groups: int, others: Sum) -> int:
        so_far, seen = NOTHING, USUAL
        for _ in range(groups):
            counted = count([5, 5, 5], so_far, others)
            so_far, seen = counted.sum, counted.level
        return seen

    assert [after(groups, MANY) for groups in (1, 3, 5, 6)] == [75, 75, 75, 100]
    assert [after(groups, Sum(answers=1000, total=4400)) for groups in (1, 2, 9)] == [50, 75, 75]
    assert [level(*three) for three in ((1, 1, 1), (3, 3, 3), (4, 4, 3), (4, 4, 4))] == [0, 25, 50, 50]


def test_equal_satisfaction_gives_every_mentor_the_same_level() -> None:
    assert level(1, 1, 1, others=Sum()) == USUAL
    assert level(5, 5, 5, others=Sum(answers=50, total=250)) == USUAL


@given(own=st.lists(ratings, min_size=3, max_size=30), others=st.lists(ratings, max_size=60))
def test_the_level_is_the_shrunk_means_distance_from_the_networks_in_steps(
    own: list[Rating], others: list[Rating]
) -> None:
    lowest, highest = len(own), 5 * len(own)
    total = next((all_ for all_ in (lowest + 1, highest - 1) if abs(sum(own) - all_) <= 1), sum(own))
    network = Fraction(total + sum(others), len(own) + len(others))
    shrunk = (total + 5 * network) / (len(own) + 5)
    apart = abs(shrunk - network)
    steps = (apart >= Fraction(1, 8)) + (apart >= Fraction(1, 2))
    expected = 50 + 25 * steps * (1 if shrunk > network else -1)
    assert level(*own, others=Sum(answers=len(others), total=sum(others))) == expected


@pytest.mark.parametrize("size", [3, 4])
def test_no_single_answer_follows_from_what_is_stored_of_its_group(size: int) -> None:
    """Levels, and what follows from them, are made of this alone."""
    by_sum: dict[Sum, list[tuple[Rating, ...]]] = {}
    for group in product(RATINGS, repeat=size):
        by_sum.setdefault(count(group, NOTHING, MANY).sum, []).append(group)
    for kept, possible in by_sum.items():
        for who in range(size):
            assert len({answers[who] for answers in possible}) >= 3, (kept, who)


def test_an_erased_answer_dissolves_its_group_and_the_level_stays_while_others_remain() -> None:
    assert forget([[5, 5, 5], [4, 4, 4]], 75) == Counted(sum=Sum(answers=6, total=26), level=75)
    assert forget([], 75) == Counted(sum=NOTHING, level=USUAL)


def test_experience_reorders_lists_and_adds_or_removes_no_mentor() -> None:
    who, other = mentee(), mentor()
    assert scoring.factors_of(who, other)[FACTORS.index("experience")] == USUAL
    assert FACTORS.index("experience") >= scoring.OPEN


def test_experience_is_explained_only_if_good_and_without_names() -> None:
    def has_reason(experience: int) -> bool:
        known = person("milo", mentors_in=frozenset({"care"}))
        seen = type(known)(known.member, known.private, experience=experience)
        return "Past mentees were more satisfied than most." in reasons(mentee(), seen)

    assert [has_reason(level) for level in (0, 25, 50, 75, 100)] == [False, False, False, True, True]

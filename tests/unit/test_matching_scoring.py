"""How well a mentor fits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel import scoring
from services.matching.kernel.participants import weights_for
from shared.contracts.profiles import DEFAULT_WEIGHTS, FACTORS, STAGES
from tests.unit.matching_people import mentee, mentor, policy


def test_a_score_can_never_leave_what_float32_and_int32_hold_exactly() -> None:
    assert 100 * 100 * len(FACTORS) < 2**24
    assert set(DEFAULT_WEIGHTS) == set(FACTORS)


def test_every_factor_is_a_whole_number_from_0_to_100() -> None:
    for stage in STAGES:
        for other in STAGES:
            factors = scoring.factors_of(mentee(stage=stage), mentor(stage=other, time_zone="Pacific/Auckland"))
            assert all(0 <= factor <= 100 for factor in factors)


def test_a_mentor_some_steps_ahead_fits_better_than_one_behind() -> None:
    stage = FACTORS.index("stage")
    ahead = scoring.factors_of(mentee(stage="resident"), mentor(stage="early_career"))[stage]
    behind = scoring.factors_of(mentee(stage="resident"), mentor(stage="student"))[stage]
    assert ahead > behind == 0


def test_a_mentees_weights_override_the_programmes_which_override_defaults() -> None:
    programme = policy(weights={"topics": 10, "stage": 11}).programme
    weights = dict(zip(FACTORS, weights_for(mentee(weights={"topics": 7}), programme), strict=True))
    assert (weights["topics"], weights["stage"], weights["style"]) == (7, 11, DEFAULT_WEIGHTS["style"])


def test_a_perfect_fit_is_a_hundred_percent() -> None:
    weights = weights_for(mentee(), policy().programme)
    assert scoring.percent(100 * sum(weights[: scoring.OPEN]), weights) == 100
    assert scoring.percent(0, (0,) * len(FACTORS)) == 0


@given(scores=st.lists(st.integers(0, 5), max_size=60), length=st.integers(1, 10))
def test_the_best_are_those_a_full_sort_would_choose(scores: list[int], length: int) -> None:
    mentors = np.array([scoring.seed(str(number)) for number in range(len(scores))], dtype=np.uint64)
    me = np.array([scoring.seed("care", "ana")], dtype=np.uint64)
    tie = scoring.ties(me, mentors)
    expected = sorted(range(len(scores)), key=lambda place: (-scores[place], int(tie[place])))[:length]
    chosen = scoring.best(np.array(scores, dtype=np.int32), mentee=me, mentors=mentors, length=length)
    assert chosen.tolist() == expected


@given(mentee=st.integers(0, 2**64 - 1), mentor=st.integers(0, 2**64 - 1))
def test_ties_are_computed_alike_for_one_pair_and_for_many(mentee: int, mentor: int) -> None:
    many = scoring.ties(*(np.array([number], dtype=np.uint64) for number in (mentee, mentor)))
    assert scoring.tie_of(mentee, mentor) == int(many[0])


def test_ties_are_the_same_in_every_process() -> None:
    assert scoring.tie("care", "ana", "milo") == 16647647016750115545

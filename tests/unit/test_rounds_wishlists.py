"""How wishes are ranked: own before score, mentors by bands of score and who waits, nobody beyond the list's length."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.matching.rounds.solver.wishing import Pairs, wishes


def ranked(
    pairs: list[tuple[int, int, int, int, int]], *, days: list[int], length: int = 20, band: int = 0
) -> dict[tuple[int, int], tuple[int, int]]:
    """Both ranks by (mentee, mentor), of (mentee, mentor, score, own choice, mentor's choice)."""
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 5).T
    made = wishes(
        Pairs(mentee=columns[0], mentor=columns[1], score=columns[2], named=columns[3], mentor_named=columns[4]),
        round="spring",
        mentees=[f"m{number}" for number in range(len(days))],
        mentors=[f"h{number}" for number in range(9)],
        waiting_days=np.array(days, dtype=np.int64),
        list_length=length,
        score_band=band,
    )
    each = (made.mentee, made.mentor, made.rank, made.mentor_rank)
    return {(mentee, other): (a, b) for mentee, other, a, b in zip(*(column.tolist() for column in each), strict=True)}


def test_a_mentee_ranks_own_choices_first_and_then_by_score() -> None:
    made = ranked([(0, 0, 90, 0, 0), (0, 1, 10, 2, 0), (0, 2, 5, 1, 0), (0, 3, 90, 0, 0)], days=[0])
    assert {mentor: rank for (_, mentor), (rank, _) in made.items()} == {2: 1, 1: 2, 0: 3, 3: 3}


def test_a_mentor_ranks_own_choices_then_bands_of_score_then_waiting_time() -> None:
    pairs = [(0, 0, 199, 0, 0), (1, 0, 101, 0, 0), (2, 0, 300, 0, 0), (3, 0, 1, 0, 1), (4, 0, 150, 0, 0)]
    made = ranked(pairs, days=[0, 7, 0, 0, 0], band=100)
    assert {mentee: rank for (mentee, _), (_, rank) in made.items()} == {3: 1, 2: 2, 1: 3, 0: 4, 4: 4}


_pairs = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 8)),
    st.tuples(st.integers(0, 5), st.sampled_from([0, 0, 1, 2]), st.sampled_from([0, 0, 1])),
)


@given(_pairs, st.lists(st.integers(0, 3), min_size=6, max_size=6), st.integers(1, 4), st.integers(0, 3))
def test_ranks_are_those_of_sorting_by_hand(
    drawn: dict[tuple[int, int], tuple[int, int, int]], days: list[int], length: int, band: int
) -> None:
    made = ranked([(*pair, *rest) for pair, rest in drawn.items()], days=days, length=length, band=band)
    for mentee in range(6):
        keys = {pair: (drawn[pair][1] or 99, -drawn[pair][0]) for pair in drawn if pair[0] == mentee}
        kept = {pair for pair in made if pair[0] == mentee}
        assert len(kept) == min(length, len(keys))
        assert all(keys[pair] <= keys[other] for pair in kept for other in keys.keys() - kept)
        ladder = sorted({keys[pair] for pair in kept})
        assert all(made[pair][0] == ladder.index(keys[pair]) + 1 for pair in kept)
    for mentor in range(9):
        theirs = {
            pair: (drawn[pair][2] or 99, -(drawn[pair][0] // max(1, band)), -days[pair[0]])
            for pair in made
            if pair[1] == mentor
        }
        ladder_of = sorted(set(theirs.values()))
        assert all(made[pair][1] == ladder_of.index(key) + 1 for pair, key in theirs.items())

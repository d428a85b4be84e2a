"""A reserve says nothing that a full sort would not."""

import random
from typing import Any

import numpy as np
import pytest

from services.matching.kernel import scoring
from services.matching.kernel.columns import Rows, Words
from services.matching.suggestions.index.reserves import RESERVE, Reserves


class Truth:
    """Scores of all pairs, and the reserves that follow them."""

    def __init__(self, dice: random.Random, *, mentees: int, mentors: int, size: int) -> None:
        self.dice = dice
        self.scores = np.zeros((mentees, mentors), dtype=np.int32)
        self.eligible = np.zeros((mentees, mentors), dtype=np.bool_)
        self.seeds = [np.array([scoring.seed(side, str(n)) for n in range(200)], dtype=np.uint64) for side in "ab"]
        self.reserves = Reserves(self.ties, size=size)
        self.searches = 0
        for mentee in range(mentees):
            self.reserves.forget(mentee)
        for mentor in range(mentors):
            self.change(mentor)

    def ties(self, mentees: Rows, mentors: Rows) -> Words:
        return scoring.ties(self.seeds[0][mentees], self.seeds[1][mentors])

    def change(self, mentor: int) -> None:
        for mentee in range(len(self.scores)):
            self.scores[mentee, mentor] = self.dice.randrange(6)
            self.eligible[mentee, mentor] = self.dice.random() < 0.8
        self.reserves.put(mentor, self.eligible[:, mentor], self.scores[:, mentor])

    def sorted(self, mentee: int) -> Rows:
        able = np.flatnonzero(self.eligible[mentee])
        ties = self.ties(np.full(able.size, mentee), able)
        return able[np.lexsort((ties, -self.scores[mentee, able]))]

    def search(self, mentee: int) -> None:
        self.searches += 1
        order = self.sorted(mentee)[: self.reserves.size + 1]
        self.reserves.fill(mentee, order, self.scores[mentee, order])

    def check(self, length: int) -> None:
        """What the reserves know is true; what they do not know is searched for."""
        mentees = np.arange(len(self.scores))
        knows = self.reserves.knows_first(mentees, length)
        places, mentors, scores = self.reserves.first(mentees[knows], length)
        for place, mentee in enumerate(mentees[knows]):
            best = self.sorted(mentee)[:length]
            assert mentors[places == place].tolist() == best.tolist()
            assert scores[places == place].tolist() == self.scores[mentee, best].tolist()
        for mentee in mentees[~knows]:
            self.search(mentee)


@pytest.mark.parametrize("seed", range(40))
def test_a_reserve_equals_a_full_sort(seed: int) -> None:
    dice = random.Random(seed)
    truth = Truth(
        dice, mentees=dice.choice([3, 80]), mentors=dice.choice([5, 20, 90]), size=dice.choice([3, 7, RESERVE])
    )
    for _ in range(60):
        truth.check(length=3)
        truth.change(dice.randrange(truth.scores.shape[1]))


def test_a_mentor_who_leaves_costs_no_search_while_the_reserve_suffices() -> None:
    truth = Truth(random.Random(1), mentees=1, mentors=200, size=RESERVE)
    truth.search(0)
    for mentor in truth.sorted(0)[: RESERVE - 10]:
        truth.eligible[0, mentor] = False
        truth.reserves.put(int(mentor), truth.eligible[:, mentor], truth.scores[:, mentor])
        truth.check(length=10)
    assert truth.searches == 1
    mentor = truth.sorted(0)[0]
    truth.eligible[0, mentor] = False
    truth.reserves.put(int(mentor), truth.eligible[:, mentor], truth.scores[:, mentor])
    truth.check(length=10)
    assert truth.searches == 2


def test_a_mentee_who_was_not_searched_for_or_changed_has_no_reserve() -> None:
    truth = Truth(random.Random(2), mentees=2, mentors=5, size=3)
    truth.search(0)
    knows: Any = truth.reserves.knows_first(np.arange(2), 3).tolist()
    assert (knows, truth.reserves.any_known) == ([True, False], True)
    truth.reserves.forget(0)
    assert not truth.reserves.any_known

"""The checker in `examples/`, written from docs/rounds.md alone, agrees with the solver, and finds what is wrong."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from examples.check_round import check, lot, seed
from services.matching.rounds.solver.solving import solve
from tests.unit.rounds_kit import Document, content, document, mentee, mentor, pair, resealed, wish

_ROUNDS = 200


def random_round(number: int) -> Document:
    dice = random.Random(number)
    mentors = []
    for index in range(dice.randint(1, 12)):
        capacity = dice.randint(0, 4)
        mentors.append(mentor(f"h{index}", capacity, least_group=dice.randint(0, capacity) * dice.randint(0, 1)))
    mentees = []
    for index in range(dice.randint(1, 30)):
        names = dice.sample([who["id"] for who in mentors], dice.randint(0, len(mentors)))
        wishes = [
            wish(name, dice.randint(1, 4), mentor_rank=dice.randint(1, 5), score=dice.randint(0, 900)) for name in names
        ]
        wanted, has_mentor = dice.choice([1, 1, 1, 2, 3]), dice.random() < 1 / 6
        mentees.append(mentee(f"m{index}", *wishes, mentors_wanted=wanted, has_mentor=has_mentor))
    left = {who["id"]: who["capacity"] for who in mentors}
    orders: dict[str, list[Document]] = {"pins": [], "exclusions": []}
    for who in mentees:
        for wished in who["wishes"][:1]:
            order = dice.choice(["pins", "exclusions", "", "", "", ""])
            may_pin = left[wished["mentor"]] and not who["has_mentor"]
            if order == "exclusions" or (order == "pins" and may_pin):
                left[wished["mentor"]] -= order == "pins"
                orders[order].append(pair(who["id"], wished["mentor"]))
    return document(mentors, mentees, round=f"r{number}", target=dice.choice(["fit", "coverage"]), **orders)


@pytest.mark.parametrize("part", range(4))
def test_the_checker_agrees_with_the_solver_on_200_random_rounds(part: int) -> None:
    for number in range(part, _ROUNDS, 4):
        given = content(random_round(number))
        check(given, solve(given).file())


def test_the_checker_finds_pairs_that_were_moved_or_left_out() -> None:
    found = 0
    for number in range(40):
        given = content(random_round(number))
        result: Any = json.loads(solve(given).file())
        for row in (row for row in result["mentees"] if row["mentor"] and not row["pinned"]):
            forged = {
                **result,
                "mentees": [{**each, "mentor": None} if each is row else each for each in result["mentees"]],
            }
            with pytest.raises(ValueError, match="does not hold"):
                check(given, resealed(forged))
            found += 1
    assert found > 100


def test_the_documented_test_vector_of_the_lot() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rounds.md").read_text(encoding="utf-8")
    for value in (seed("spring", "m1"), seed("h1"), lot("spring", "m1", "h1")):
        assert f"`{value:016x}`" in text

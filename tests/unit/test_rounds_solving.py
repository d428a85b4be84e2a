"""Both targets against brute force, packages that others wrote, and what the files promise."""

import random
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.verify import verify
from services.matching.rounds.solver.files import RoundResult
from services.matching.rounds.solver.solving import prepared, solve
from shared.errors import Rejected
from tests.depth import examples
from tests.unit.rounds_kit import (
    Document,
    Matching,
    blocking,
    content,
    document,
    documents,
    matchings,
    mentee,
    mentor,
    pair,
    parsed,
    pretty,
    wish,
    worth,
)


def matched(result: RoundResult) -> dict[str, str | None]:
    return {one.id: one.mentor for one in result.mentees}


def solved(given: Document) -> dict[str, str | None]:
    return matched(solve(content(given)))


@examples(1500)
@given(documents(target="coverage", most=5))
def test_coverage_is_the_best_of_all_matchings(given: Document) -> None:
    best = max(worth(given, one) for one in matchings(given))
    assert worth(given, solved(given)) == best


@examples(1500)
@given(documents(target="fit", most=5))
def test_fit_is_stable_and_no_stable_matching_is_better_for_any_mentee(given: Document) -> None:
    outcome = solved(given)
    assert blocking(given, outcome) == []
    strict = with_strict_ranks(given)
    ranks = {(one["id"], wish["mentor"]): wish["rank"] for one in strict["mentees"] for wish in one["wishes"]}
    for other in matchings(strict):
        if not blocking(strict, other):
            assert all(
                other[one] is None or (now is not None and ranks[one, now] <= ranks[one, other[one]])
                for one, now in outcome.items()
            )


@examples(1000)
@given(documents())
def test_the_verifier_confirms_every_result_of_the_solver(given: Document) -> None:
    file = pretty(given)
    assert "hold" in verify(file, solve(file).file())


@examples(100)
@given(documents(), st.randoms(use_true_random=False))
def test_the_outcome_does_not_depend_on_the_order_of_a_file(given: Document, chance: random.Random) -> None:
    shuffled = {name: shuffle(value, chance) if isinstance(value, list) else value for name, value in given.items()}
    shuffled["mentees"] = [{**one, "wishes": shuffle(one["wishes"], chance)} for one in shuffled["mentees"]]
    once, again = (solve(content(one)).model_dump(exclude={"input", "sha256"}) for one in (given, shuffled))
    assert once == again


@examples(150)
@given(documents(target="fit"))
def test_the_seats_named_by_opens_suffice_to_match_the_mentee(given: Document) -> None:
    for left in solve(content(given)).unmatched:
        for opening in left.opens:
            mentors = [
                {**one, "capacity": one["capacity"] + opening.seats * (one["id"] == opening.mentor)}
                for one in given["mentors"]
            ]
            assert solved({**given, "mentors": mentors})[left.mentee] is not None


def test_opens_may_exceed_the_seats_that_a_mentor_can_have() -> None:
    """More seats would be needed than one mentor can have."""
    wanting = [mentee(f"m{number}", wish("ada")) for number in range(10_002)]
    given = content(document([mentor("ada")], wanting, compare=False))
    result = solve(given)
    assert max(one.opens[0].seats for one in result.unmatched) == 10_001
    verify(given, result.file())


def test_a_coverage_round_too_large_for_memory_is_refused_and_fit_works() -> None:
    wanting = [mentee(f"m{number}", wish("ada")) for number in range(5_000)]
    given = document([mentor("ada", 4_500)], wanting, target="fit")
    with pytest.raises(Rejected, match=r"22500000 pairs .* first that of 'ada', or have target fit"):
        solve(content(given))
    assert len(solve(content({**given, "compare": False})).unmatched) == 500


@examples(150)
@given(documents(target="coverage"))
def test_an_additional_seat_matches_an_additional_mentee(given: Document) -> None:
    before = solve(content(given))
    for opening in {opening.mentor for left in before.unmatched for opening in left.opens}:
        mentors = [{**one, "capacity": one["capacity"] + (one["id"] == opening)} for one in given["mentors"]]
        assert len(solve(content({**given, "mentors": mentors})).unmatched) == len(before.unmatched) - 1


def shuffle(items: list[Any], chance: random.Random) -> list[Any]:
    return chance.sample(items, len(items))


def with_strict_ranks(given: Document) -> Document:
    """Ties broken as the solver's columns have them."""
    columns = prepared(parsed(given))
    ranks: dict[tuple[str, str], tuple[int, int]] = {}
    for place, standing in enumerate(columns.standing.tolist()):
        one, other = columns.mentees[columns.mentee[place]], columns.mentors[columns.mentor[place]]
        ranks[one, other] = place + 1, standing + 1
    strict = [
        {
            **one,
            "wishes": [
                {
                    **wish,
                    "rank": ranks[one["id"], wish["mentor"]][0],
                    "mentor_rank": ranks[one["id"], wish["mentor"]][1],
                }
                for wish in one["wishes"]
            ],
        }
        for one in given["mentees"]
    ]
    return {**given, "mentees": strict}


# What others' packages say. They know strict orders only, and neither pins nor exclusions: those are worked in first.


def chance_rounds(count: int, *, seed: int) -> Iterator[Document]:
    chance = random.Random(seed)
    for _ in range(count):
        names = [f"h{number}" for number in range(chance.randint(1, 6))]
        mentors = [mentor(one, chance.choice([0, 1, 1, 2, 3])) for one in names]
        mentees = []
        for number in range(chance.randint(1, 9)):
            listed = chance.sample(names, chance.randint(0, len(names)))
            accepted = [one for one in listed if chance.random() < 0.85]  # a wish of one side only is absent
            wishes = [wish(one, chance.randint(1, 3), mentor_rank=chance.randint(1, 4)) for one in accepted]
            mentees.append(mentee(f"m{number}", *wishes))
        pins, exclusions = chance_orders(chance, mentors, mentees)
        yield document(mentors, mentees, pins=pins, exclusions=exclusions, compare=False)


def chance_orders(
    chance: random.Random, mentors: list[Document], mentees: list[Document]
) -> tuple[list[Document], list[Document]]:
    left = {one["id"]: one["capacity"] for one in mentors}
    pins, exclusions = [], []
    for one in mentees:
        for place, wished in enumerate(one["wishes"]):
            if place == 0 and left[wished["mentor"]] and chance.random() < 0.1:
                left[wished["mentor"]] -= 1
                pins.append(pair(one["id"], wished["mentor"]))
            elif chance.random() < 0.1:
                exclusions.append(pair(one["id"], wished["mentor"]))
    return pins, exclusions


def as_others_want_it(given: Document) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, int]]:
    """Strict orders of both sides and capacities, without those who are pinned and pairs that are kept apart."""
    strict = with_strict_ranks(given)
    pinned = {one["mentee"]: one["mentor"] for one in given["pins"]}
    excluded = {(one["mentee"], one["mentor"]) for one in given["exclusions"]}
    seats = {
        one["id"]: one["capacity"] - sum(other == one["id"] for other in pinned.values()) for one in given["mentors"]
    }
    wishes = [
        (one["id"], wish)
        for one in strict["mentees"]
        for wish in one["wishes"]
        if one["id"] not in pinned and (one["id"], wish["mentor"]) not in excluded and seats[wish["mentor"]] > 0
    ]
    mentees = {
        one: [wish["mentor"] for who, wish in sorted(wishes, key=lambda each: each[1]["rank"]) if who == one]
        for one in dict.fromkeys(who for who, _ in wishes)
    }
    mentors = {
        one: [who for who, wish in sorted(wishes, key=lambda each: each[1]["mentor_rank"]) if wish["mentor"] == one]
        for one in dict.fromkeys(wish["mentor"] for _, wish in wishes)
    }
    return mentees, mentors, {one: seats[one] for one in mentors}


def everybody(given: Document, others: Matching) -> dict[str, str | None]:
    pinned = {one["mentee"]: one["mentor"] for one in given["pins"]}
    return {one["id"]: pinned.get(one["id"], others.get(one["id"])) for one in given["mentees"]}


def test_fit_equals_the_package_matching_on_thousands_of_rounds() -> None:
    from matching.games import HospitalResident

    for one_round in chance_rounds(2500, seed=11):
        mentees, mentors, capacity = as_others_want_it(one_round)
        game = HospitalResident.create_from_dictionaries(mentees, mentors, capacity)
        theirs = {one.name: other.name for other, held in game.solve(optimal="resident").items() for one in held}
        assert solved(one_round) == everybody(one_round, theirs)


def test_fit_equals_the_package_algmatch_on_thousands_of_rounds() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sources hold escapes that Python warns of
        from algmatch import HospitalResidentsProblem

    for one_round in chance_rounds(2500, seed=12):
        mentees, mentors, capacity = as_others_want_it(one_round)
        people = {one: place for place, one in enumerate(mentees, 1)}
        places = {one: place for place, one in enumerate(mentors, 1)}
        problem = HospitalResidentsProblem(
            dictionary={
                "residents": {people[one]: [places[other] for other in listed] for one, listed in mentees.items()},
                "hospitals": {
                    places[one]: {"capacity": capacity[one], "preferences": [people[other] for other in listed]}
                    for one, listed in mentors.items()
                },
            }
        )
        theirs = problem.get_stable_matching()["resident_sided"]
        names = {f"r{people[one]}": one for one in people} | {f"h{places[one]}": one for one in places}
        others = {names[one]: names.get(other) for one, other in theirs.items()}
        assert solved(one_round) == everybody(one_round, others)

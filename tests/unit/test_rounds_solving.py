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
    value_of,
    wish,
)


def matched(result: RoundResult) -> dict[str, str | None]:
    return {mentee.id: mentee.mentor for mentee in result.mentees}


def solved(given: Document) -> dict[str, str | None]:
    return matched(solve(content(given)))


@examples(1500)
@given(documents(target="coverage", most=5))
def test_coverage_is_the_best_of_all_matchings(given: Document) -> None:
    best = max(value_of(given, matching) for matching in matchings(given))
    assert value_of(given, solved(given)) == best


@examples(1500)
@given(documents(target="fit", most=5))
def test_fit_is_stable_and_no_stable_matching_is_better_for_any_mentee(given: Document) -> None:
    outcome = solved(given)
    assert blocking(given, outcome) == []
    strict = with_strict_ranks(given)
    ranks = {(mentee["id"], wish["mentor"]): wish["rank"] for mentee in strict["mentees"] for wish in mentee["wishes"]}
    for other in matchings(strict):
        if not blocking(strict, other):
            assert all(
                other[mentee] is None or (now is not None and ranks[mentee, now] <= ranks[mentee, other[mentee]])
                for mentee, now in outcome.items()
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
    shuffled["mentees"] = [{**mentee, "wishes": shuffle(mentee["wishes"], chance)} for mentee in shuffled["mentees"]]
    first, again = (solve(content(document)).model_dump(exclude={"input", "sha256"}) for document in (given, shuffled))
    assert first == again


@examples(150)
@given(documents(target="fit"))
def test_the_seats_named_by_opens_suffice_to_match_the_mentee(given: Document) -> None:
    for left in solve(content(given)).unmatched:
        for opening in left.opens:
            mentors = [
                {**mentor, "capacity": mentor["capacity"] + opening.seats * (mentor["id"] == opening.mentor)}
                for mentor in given["mentors"]
            ]
            assert solved({**given, "mentors": mentors})[left.mentee] is not None


def test_opens_may_exceed_the_seats_that_a_mentor_can_have() -> None:
    """More seats would be needed than one mentor can have."""
    wanting = [mentee(f"m{number}", wish("ada")) for number in range(10_002)]
    given = content(document([mentor("ada")], wanting, compare=False))
    result = solve(given)
    assert max(mentee.opens[0].seats for mentee in result.unmatched) == 10_001
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
        mentors = [
            {**mentor, "capacity": mentor["capacity"] + (mentor["id"] == opening)} for mentor in given["mentors"]
        ]
        assert len(solve(content({**given, "mentors": mentors})).unmatched) == len(before.unmatched) - 1


def shuffle(items: list[Any], chance: random.Random) -> list[Any]:
    return chance.sample(items, len(items))


def with_strict_ranks(given: Document) -> Document:
    """Ties broken as the solver's columns have them."""
    columns = prepared(parsed(given))
    ranks: dict[tuple[str, str], tuple[int, int]] = {}
    for place, mentor_position in enumerate(columns.mentor_position.tolist()):
        mentee, other = columns.mentees[columns.mentee[place]], columns.mentors[columns.mentor[place]]
        ranks[mentee, other] = place + 1, mentor_position + 1
    strict = [
        {
            **mentee,
            "wishes": [
                {
                    **wish,
                    "rank": ranks[mentee["id"], wish["mentor"]][0],
                    "mentor_rank": ranks[mentee["id"], wish["mentor"]][1],
                }
                for wish in mentee["wishes"]
            ],
        }
        for mentee in given["mentees"]
    ]
    return {**given, "mentees": strict}


# What others' packages say. They know strict orders only, and neither pins nor exclusions: those are worked in first.


def chance_rounds(count: int, *, seed: int) -> Iterator[Document]:
    chance = random.Random(seed)
    for _ in range(count):
        names = [f"h{number}" for number in range(chance.randint(1, 6))]
        mentors = [mentor(name, chance.choice([0, 1, 1, 2, 3])) for name in names]
        mentees = []
        for number in range(chance.randint(1, 9)):
            listed = chance.sample(names, chance.randint(0, len(names)))
            accepted = [
                candidate for candidate in listed if chance.random() < 0.85
            ]  # a wish of one side only is absent
            wishes = [wish(candidate, chance.randint(1, 3), mentor_rank=chance.randint(1, 4)) for candidate in accepted]
            mentees.append(mentee(f"m{number}", *wishes))
        pins, exclusions = chance_orders(chance, mentors, mentees)
        yield document(mentors, mentees, pins=pins, exclusions=exclusions, compare=False)


def chance_orders(
    chance: random.Random, mentors: list[Document], mentees: list[Document]
) -> tuple[list[Document], list[Document]]:
    left = {mentor["id"]: mentor["capacity"] for mentor in mentors}
    pins, exclusions = [], []
    for entry in mentees:
        for place, wished in enumerate(entry["wishes"]):
            if place == 0 and left[wished["mentor"]] and chance.random() < 0.1:
                left[wished["mentor"]] -= 1
                pins.append(pair(entry["id"], wished["mentor"]))
            elif chance.random() < 0.1:
                exclusions.append(pair(entry["id"], wished["mentor"]))
    return pins, exclusions


def as_others_want_it(given: Document) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, int]]:
    """Strict orders of both sides and capacities, without those who are pinned and pairs that are kept apart."""
    strict = with_strict_ranks(given)
    pinned = {pin["mentee"]: pin["mentor"] for pin in given["pins"]}
    excluded = {(exclusion["mentee"], exclusion["mentor"]) for exclusion in given["exclusions"]}
    seats = {
        mentor["id"]: mentor["capacity"] - sum(other == mentor["id"] for other in pinned.values())
        for mentor in given["mentors"]
    }
    wishes = [
        (mentee["id"], wish)
        for mentee in strict["mentees"]
        for wish in mentee["wishes"]
        if mentee["id"] not in pinned and (mentee["id"], wish["mentor"]) not in excluded and seats[wish["mentor"]] > 0
    ]
    mentees = {
        mentee: [wish["mentor"] for who, wish in sorted(wishes, key=lambda each: each[1]["rank"]) if who == mentee]
        for mentee in dict.fromkeys(who for who, _ in wishes)
    }
    mentors = {
        mentor: [
            who for who, wish in sorted(wishes, key=lambda each: each[1]["mentor_rank"]) if wish["mentor"] == mentor
        ]
        for mentor in dict.fromkeys(wish["mentor"] for _, wish in wishes)
    }
    return mentees, mentors, {mentor: seats[mentor] for mentor in mentors}


def with_pinned(given: Document, others: Matching) -> dict[str, str | None]:
    pinned = {pin["mentee"]: pin["mentor"] for pin in given["pins"]}
    return {mentee["id"]: pinned.get(mentee["id"], others.get(mentee["id"])) for mentee in given["mentees"]}


def test_fit_equals_the_package_matching_on_thousands_of_rounds() -> None:
    from matching.games import HospitalResident

    for one_round in chance_rounds(2500, seed=11):
        mentees, mentors, capacity = as_others_want_it(one_round)
        game = HospitalResident.create_from_dictionaries(mentees, mentors, capacity)
        theirs = {
            resident.name: other.name for other, held in game.solve(optimal="resident").items() for resident in held
        }
        assert solved(one_round) == with_pinned(one_round, theirs)


def test_fit_equals_the_package_algmatch_on_thousands_of_rounds() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sources hold escapes that Python warns of
        from algmatch import HospitalResidentsProblem

    for one_round in chance_rounds(2500, seed=12):
        mentees, mentors, capacity = as_others_want_it(one_round)
        people = {mentee: place for place, mentee in enumerate(mentees, 1)}
        places = {mentor: place for place, mentor in enumerate(mentors, 1)}
        problem = HospitalResidentsProblem(
            dictionary={
                "residents": {
                    people[mentee]: [places[other] for other in listed] for mentee, listed in mentees.items()
                },
                "hospitals": {
                    places[mentor]: {"capacity": capacity[mentor], "preferences": [people[other] for other in listed]}
                    for mentor, listed in mentors.items()
                },
            }
        )
        theirs = problem.get_stable_matching()["resident_sided"]
        names = {f"r{people[resident]}": resident for resident in people} | {
            f"h{places[hospital]}": hospital for hospital in places
        }
        others = {names[mentee]: names.get(other) for mentee, other in theirs.items()}
        assert solved(one_round) == with_pinned(one_round, others)

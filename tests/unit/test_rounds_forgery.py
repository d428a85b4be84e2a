"""A forger who writes another matching, consistent in every list, and seals it: the proof itself must fail."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given

from deploy.verify import Wrong, verify
from services.matching.rounds.solver.solving import prepared, solve
from tests.depth import examples
from tests.unit.rounds_kit import (
    Document,
    blocking,
    content,
    document,
    documents,
    matchings,
    mentee,
    mentor,
    pair,
    parsed,
    resealed,
    value_of,
    wish,
)


def forged(given: Document, matching: Mapping[str, str | None]) -> Document:
    """The true result with another matching, its places and whom mentors hold; for coverage, gains as prices ask."""
    result: Document = json.loads(solve(content(given)).file())
    columns = prepared(parsed(given))
    wishes = {
        (columns.mentees[mentee], columns.mentors[other]): place
        for place, (mentee, other) in enumerate(zip(columns.mentee.tolist(), columns.mentor.tolist(), strict=True))
    }
    prices = {mentor["id"]: mentor["price"] for mentor in result["mentors"]}
    for entry in result["mentees"]:
        entry["mentor"] = other = matching[entry["id"]]
        granted = wishes.get((entry["id"], other or ""))
        entry["place"] = None if granted is None else int(columns.place[granted])
        if result["bonus"] is not None:
            tight = granted is not None and not entry["pinned"]
            entry["gain"] = result["bonus"] + int(columns.score[granted]) - prices[other] if tight else 0
    for entry in result["mentors"]:
        held = [who for who, other in matching.items() if other == entry["id"]]
        entry["mentees"] = sorted(held, key=lambda who: int(columns.mentor_position[wishes[who, entry["id"]]]))
    return result


def strictly(given: Document) -> Document:
    """No equal ranks, so that what blocks is plain."""
    mentees = [
        {
            **mentee,
            "wishes": [{**wish, "rank": nth, "mentor_rank": row} for nth, wish in enumerate(mentee["wishes"], 1)],
        }
        for row, mentee in enumerate(given["mentees"], 1)
    ]
    return {**given, "mentees": mentees, "compare": False}


@examples(500)
@given(documents(target="fit", most=4))
def test_every_other_matching_is_refused_for_what_is_wrong_with_it(drawn: Document) -> None:
    given = strictly(drawn)
    true = {mentee.id: mentee.mentor for mentee in solve(content(given)).mentees}
    for matching in matchings(given):
        if matching != true:
            message = "blocking pair" if blocking(given, matching) else "another stable matching"
            with pytest.raises(Wrong, match=message):
                verify(content(given), resealed(forged(given, matching)))


@examples(500)
@given(documents(target="coverage", most=4))
def test_every_worse_matching_is_contradicted_by_prices(given: Document) -> None:
    best = max(value_of(given, matching) for matching in matchings(given))
    for matching in matchings(given):
        if value_of(given, matching) < best:
            with pytest.raises(Wrong, match=r"not the best|must be from 0"):
                verify(content(given), resealed(forged(given, matching)))


def test_prices_too_low_for_a_wish_prove_nothing() -> None:
    given = document(
        [mentor("ada")],
        [mentee("jo", wish("ada", score=9)), mentee("ky", wish("ada", score=5))],
        target="coverage",
        compare=False,
    )
    lower = forged(given, {"jo": None, "ky": "ada"})
    lower["mentors"][0]["price"], lower["mentees"][1]["gain"] = 0, lower["bonus"] + 5
    with pytest.raises(Wrong, match="price and gain do not cover the wish of jo for ada"):
        verify(content(given), resealed(lower))


def test_a_pair_that_is_kept_apart_is_refused() -> None:
    wishes = [mentee("jo", wish("ada"))]
    given = document([mentor("ada")], wishes, exclusions=[pair("jo", "ada")], compare=False)
    with pytest.raises(Wrong, match="the pair is excluded"):
        verify(content(given), resealed(forged(given, {"jo": "ada"})))


def test_a_blocking_pair_is_named() -> None:
    asking = [mentee("jo", wish("ada", mentor_rank=1)), mentee("ky", wish("ada", mentor_rank=2))]
    given = document([mentor("ada")], asking, compare=False)
    with pytest.raises(Wrong, match="jo and ada would both rather have each other"):
        verify(content(given), resealed(forged(given, {"jo": None, "ky": "ada"})))

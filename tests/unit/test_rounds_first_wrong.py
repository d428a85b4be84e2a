"""Each thing that can be wrong is said in its own words: whatever check the verifier leaves out, one of these fails."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from deploy.verify import Wrong, verify
from services.matching.rounds.solver.solving import solve
from tests.unit.rounds_kit import Document, content, mentor, pair, resealed, wish
from tests.unit.test_rounds_tampering import COVERAGE, FIT, put, solved

JO = FIT["mentees"][0]
NORTH = {"mentee_institution": "north", "mentor_institution": "north", "at_most": 9}

INPUTS: list[tuple[dict[str, Any], str]] = [
    ({"format": "preceptor-round-input/2"}, "input/format: must be"),
    ({"target": "best"}, "input/target: must be fit or coverage"),
    ({"pins": {}}, "input/pins: must be a list"),
    ({"policy": []}, "input/policy: must be an object"),
    ({"seats": 3}, r"input: has unknown keys \['seats'\]"),
    ({"policy": {"id": "default", "list_length": 1}}, "jo has more wishes than policy/list_length"),
    ({"mentors": [*FIT["mentors"][1:], mentor("ada", 2**53)]}, "input/mentors/3/capacity: must be from 0"),
    ({"mentors": [*FIT["mentors"], mentor("ada")]}, "input/mentors: an id appears twice"),
    ({"mentees": [*FIT["mentees"], JO]}, "input/mentees: an id appears twice"),
    ({"mentees": [{**JO, "wishes": [wish("ada"), wish("ada")]}, *FIT["mentees"][1:]]}, "jo names a mentor twice"),
    ({"mentees": [{**JO, "wishes": [wish("zed")]}, *FIT["mentees"][1:]]}, "jo names an unknown mentor"),
    ({"exchanges": [NORTH, NORTH]}, "input/exchanges: two institutions appear twice"),
    ({"pins": [pair("mo", "di"), pair("mo", "bo")]}, "input/pins: a mentee is pinned twice"),
    ({"pins": [pair("jo", "di")]}, "input/pins: jo and di may not be matched"),
    ({"pins": [pair("li", "cy")]}, "input/pins: li and cy may not be matched"),
    ({"pins": [pair("jo", "ada"), pair("ky", "ada")]}, "input/pins: ada has more pins than capacity"),
]


@pytest.mark.parametrize(("changed", "message"), INPUTS, ids=[message for _, message in INPUTS])
def test_an_input_that_contradicts_itself_is_named_although_every_hash_fits(
    changed: dict[str, Any], message: str
) -> None:
    given = {**FIT, **changed}
    hashes = {"sha256": sha256(content(given).strip()).hexdigest(), "file_sha256": sha256(content(given)).hexdigest()}
    with pytest.raises(Wrong, match=message):
        verify(content(given), resealed({**solved(FIT), "target": given["target"], "input": hashes}))


def _granted(result: Document, mentee: int, mentor: str | None, place: int | None) -> Document:
    entry = {**result["mentees"][mentee], "mentor": mentor, "place": place}
    return put(result, ("mentees", mentee), entry)


def _without(result: Document, mentee: int) -> Document:
    """Nobody has them, and nobody says so."""
    id = result["mentees"][mentee]["id"]
    mentors = [{**mentor, "mentees": [who for who in mentor["mentees"] if who != id]} for mentor in result["mentors"]]
    return {**_granted(result, mentee, None, None), "mentors": mentors}


def _before_proofs(result: Document) -> Document:
    """As the solver wrote results that did not prove the figures of the other target."""
    return {**{name: value for name, value in result.items() if name != "other"}, "solver": "preceptor-rounds-1"}


Forge = Callable[[Document], Document]
RESULTS: list[tuple[Document, Forge, str]] = [
    (FIT, lambda true: {**true, "format": "x"}, "result/format: must be"),
    (FIT, lambda true: put(true, ("input", "sha256"), "0" * 64), "is not the hash of the input's canonical form"),
    (FIT, lambda true: put(true, ("input", "file_sha256"), "0" * 64), "file_sha256: is of another input file"),
    (FIT, lambda true: {**true, "place": 1}, r"result: has unknown keys \['place'\]"),
    (FIT, lambda true: put(true, ("mentees", 0, "place"), -1), "result/mentees/0/place: must be from 0"),
    (FIT, lambda true: _granted(true, 3, "bo", 1), "result/mentees/3/mentor: is pinned to another mentor"),
    (FIT, lambda true: _granted(true, 0, "ada", 1), "ada holds more people than the capacity allows"),
    (FIT, lambda true: put(true, ("mentors", 0, "mentees"), []), "result/mentors: do not hold those"),
    (FIT, lambda true: _without(true, 0), "blocking pair: jo would rather have bo, who has a seat left"),
    (
        FIT,
        lambda true: put(true, ("figures", "coverage"), None),
        "result/figures/coverage: must be there exactly where",
    ),
    (FIT, lambda true: put(true, ("figures", "coverage", "mentees"), 4), "result/figures/coverage/mentees: wrong"),
    (FIT, lambda true: put(true, ("figures", "coverage", "matched"), 0), "result/figures/coverage/matched: wrong"),
    (
        FIT,
        lambda true: put(_before_proofs(true), ("figures", "coverage", "matched"), 0),
        "fit cannot cover more than coverage",
    ),
    (FIT, lambda true: {**_before_proofs(true), "solver": true["solver"]}, "result/other: is missing"),
    (COVERAGE, lambda true: {**true, "bonus": true["bonus"] + 1}, "result/bonus: should be"),
    (COVERAGE, lambda true: put(true, ("mentors", 0, "price"), None), "result/mentors: a price is missing"),
    (COVERAGE, lambda true: put(true, ("mentees", 4, "gain"), None), "result/mentees: a gain is missing"),
]


@pytest.mark.parametrize(("given", "forge", "message"), RESULTS, ids=[message for *_, message in RESULTS])
def test_the_error_of_a_changed_and_sealed_result_names_what_is_wrong(
    given: Document, forge: Forge, message: str
) -> None:
    with pytest.raises(Wrong, match=message):
        verify(content(given), resealed(forge(solved(given))))


def test_another_layout_of_the_same_result_is_not_canonical() -> None:
    result = solve(content(FIT)).file()
    for other in (b" " + result, result + b"\n", result.replace(b":", b": ", 1), json.dumps(solved(FIT)).encode()):
        with pytest.raises(Wrong, match="result: is not in canonical form"):
            verify(content(FIT), other)

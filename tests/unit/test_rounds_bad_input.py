"""What is wrong with an input is said by place and by what would be right."""

import json
from typing import Any

import pytest

from services.matching.rounds.solver.solving import solve
from shared.errors import Rejected
from tests.unit.rounds_kit import Document, content, document, mentee, mentor, pair, wish


def good(**fields: Any) -> Document:
    return document(
        [mentor("ada", 2), mentor("bo", 0)],
        [mentee("jo", wish("ada", 1), wish("bo", 2)), mentee("ky", wish("ada", 1))],
        **fields,
    )


def ceiling(home: str, other: str, at_most: int) -> Document:
    return {"mentee_institution": home, "mentor_institution": other, "at_most": at_most}


def refused(content: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        solve(content)
    return caught.value


def with_value(path: str, value: Any) -> Document:
    changed: Any = json.loads(json.dumps(good()))
    inner = changed
    *parts, last = [int(part) if part.isdigit() else part for part in path.split("/")[1:]]
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return dict(changed)


WRONG_VALUES: list[tuple[str, Any, str, str]] = [
    ("/mentees/0/wishes/1/mentor", "zed", "/mentees/0/wishes/1/mentor", "not among /mentors"),
    ("/mentors/0/capacity", -1, "/mentors/0/capacity", "must be at least 0"),
    ("/mentors/0/capacity", 1.5, "/mentors/0/capacity", "whole number"),
    ("/mentors/0/capacity", True, "/mentors/0/capacity", "whole number"),
    ("/mentors/0/capacity", "2", "/mentors/0/capacity", "whole number"),
    ("/mentors/0/capacity", 10_001, "/mentors/0/capacity", "must be at most 10000"),
    ("/mentees/0/wishes/1", wish("ada", 3), "/mentees/0/wishes/1/mentor", "/mentees/0/wishes/0 is the same"),
    ("/mentees/1/id", "bo", "/mentees/1/id", "is the id of /mentors/1/id too: a person in both roles has two ids"),
    ("/mentees/1/id", "jo", "/mentees/1/id", "/mentees/0 is the same"),
    ("/mentors/1/id", "ada", "/mentors/1/id", "/mentors/0 is the same"),
    ("/mentees/0/wishes/0/score", float("nan"), "/mentees/0/wishes/0/score", "whole number"),
    ("/mentees/0/wishes/0/score", float("inf"), "/mentees/0/wishes/0/score", "whole number"),
    ("/mentees/0/wishes/0/score", 10**30, "/mentees/0/wishes/0/score", "must be at most 1000000"),
    ("/mentees/0/wishes/0/rank", 0, "/mentees/0/wishes/0/rank", "must be at least 1"),
    ("/mentees/0/waiting_days", -3, "/mentees/0/waiting_days", "must be at least 0"),
    ("/policy/weights", {"topics": float("nan")}, "/policy/weights/topics", "whole number"),
    ("/policy/weights", {"topics": 101}, "/policy/weights/topics", "must be at most 100"),
    ("/policy/weights", {"a/b~": 1}, "/policy/weights/a~1b~0/[key]", "lower-case words"),
    ("/policy/list_length", 1, "/mentees/0/wishes", "/policy/list_length allows 1"),
    ("/target", "best", "/target", "'fit' or 'coverage'"),
    ("/format", "preceptor-round-input/2", "/format", "preceptor-round-input/1"),
    ("/mentees/0/id", "Jo Doe <jo@example.org>", "/mentees/0/id", "letters, digits, dots"),
    ("/mentees/0/name", "Jo", "/mentees/0/name", "unknown here"),
    ("/exchanges", [ceiling("north", "north", 1)], "/exchanges/0/at_most", "2 mentees have wishes across"),
    ("/exchanges", [ceiling("a", "b", 1)] * 2, "/exchanges/1", "/exchanges/0 is the same"),
    ("/exchanges", [ceiling("a", "b", -1)], "/exchanges/0/at_most", "must be at least 0"),
    ("/pins", [pair("xi", "ada")], "/pins/0/mentee", "not among /mentees"),
    ("/pins", [pair("jo", "xi")], "/pins/0/mentor", "not among /mentors"),
    ("/pins", [pair("ky", "bo")], "/pins/0", "forbidden"),
    ("/pins", [pair("jo", "ada"), pair("jo", "bo")], "/pins/1", "contradicts /pins/0"),
    ("/pins", [pair("jo", "ada"), pair("jo", "ada")], "/pins/1", "/pins/0 is the same"),
    ("/exclusions", [pair("jo", "zed")], "/exclusions/0/mentor", "not among /mentors"),
]


@pytest.mark.parametrize(("path", "value", "place", "message"), WRONG_VALUES, ids=lambda each: str(each)[:40])
def test_a_wrong_value_is_named_with_its_place_and_what_would_be_right(
    path: str, value: Any, place: str, message: str
) -> None:
    errors = refused(json.dumps(with_value(path, value)).encode()).errors
    assert [error for error in errors if error.field == place and message in error.message], errors


def test_a_pin_on_an_excluded_pair_names_both() -> None:
    wrong = refused(content(good(pins=[pair("jo", "ada")], exclusions=[pair("ky", "ada"), pair("jo", "ada")])))
    assert [(error.field, error.message) for error in wrong.errors] == [
        ("/pins/0", "contradicts /exclusions/1: pin the pair or keep it apart")
    ]


def test_a_round_with_contradicting_constraints_names_the_constraint() -> None:
    given = good(pins=[pair("jo", "ada"), pair("ky", "ada")])
    given["mentors"][0]["capacity"] = 1
    wrong = refused(content(given))
    assert wrong.code == "round_infeasible"
    assert [(error.field, error.message) for error in wrong.errors] == [
        ("/mentors/0/capacity", "is 1, and 2 people are pinned to this mentor: /pins/0, /pins/1")
    ]


UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "must be JSON; line 1, column 1"),
    (b"\xff\xfe", "must be UTF-8; byte 0"),
    (b"\x00" * 10_000_000, "must be JSON"),
    (b"a" * 10_000_000, "must be JSON"),
    (b"9" * 10_000_000, "must be JSON"),
    (b"[" * 10_000_000, "nested"),
    (b'{"a":' * 2_000_000, "nested"),
    (b'{"format":"preceptor-round-input/1","format":"x"}', "the key format twice"),
]


@pytest.mark.parametrize(("junk", "message"), UNREADABLE, ids=[message for _, message in UNREADABLE])
def test_malformed_input_is_refused_with_what_is_wrong(junk: bytes, message: str) -> None:
    (error,) = refused(junk).errors
    assert message in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize("value", ["null", "[]", '"round"', "7", "{}"])
def test_json_that_is_not_a_round_is_refused(value: str) -> None:
    assert refused(value.encode()).code == "input_invalid"


def test_only_the_first_errors_are_listed() -> None:
    given = good()
    given["mentees"] = [mentee(f"m{nth}", wish("zed")) for nth in range(1000)]
    assert len(refused(content(given)).errors) == 20

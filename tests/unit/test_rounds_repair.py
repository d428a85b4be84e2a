"""`./dev match --repair`: mentors leave a round that was kept, and a plan says who goes where; no server is needed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from deploy.dev import app
from services.matching.repairs.domain.departed import RoundRepair, repair_round
from services.matching.rounds.solver.files import RoundInput, read_input
from services.matching.rounds.solver.solving import solve
from tests.unit.rounds_kit import Document, content, document, documents, mentee, mentor, pair, resealed, wish

ROUND = document(
    [mentor("h1", 2), mentor("h2", 2), mentor("h3")],
    [
        mentee("a", wish("h1", 1, mentor_rank=1), wish("h2", 2, mentor_rank=3)),
        mentee("b", wish("h1", 1, mentor_rank=2), wish("h3", 2)),
        mentee("c", wish("h2", 1), wish("h1", 2, mentor_rank=3)),
        mentee("d", wish("h2", 1, mentor_rank=2), wish("h3", 2, mentor_rank=2)),
        mentee("e"),
    ],
)
"""h1 has a and b, h2 has c and d, h3 a free seat; nobody wishes for e."""


def plan(given: Document, *gone: str, bystanders: int = 0) -> tuple[RoundInput, RoundRepair]:
    round = read_input(content(given))
    return round, repair_round(round, solve(content(given)), gone=gone, bystanders=bystanders)


def changes(plan: RoundRepair) -> list[list[tuple[str, str, str]]]:
    return [[(one.mentee, one.leaves, one.mentor) for one in step] for step in plan.steps]


def test_only_displaced_mentees_move_and_the_unplaced_have_a_reason() -> None:
    _, told = plan(ROUND, "h1")
    assert changes(told) == [[("b", "h1", "h3")]]
    assert [(one.mentee, one.leaves, one.reason) for one in told.left_behind] == [("a", "h1", "full")]
    assert (told.displaced, told.bystanders_moved, told.gone) == (2, 0, ("h1",))


def test_a_bystander_frees_a_seat_where_a_move_is_allowed() -> None:
    contested = document(ROUND["mentors"], [one for one in ROUND["mentees"] if one["id"] != "b"])
    _, told = plan(contested, "h1", bystanders=1)
    assert changes(told) == [[("a", "h1", "h2"), ("d", "h2", "h3")]]
    assert (told.bystanders_moved, told.left_behind) == (1, ())


def test_pins_are_kept_unless_their_mentor_has_left() -> None:
    pinned = {**ROUND, "pins": [pair("d", "h2"), pair("b", "h1")], "mentees": ROUND["mentees"]}
    _, told = plan(pinned, "h1", bystanders=5)
    assert ["d"] not in [[one.mentee for one in step] for step in told.steps]
    assert changes(told)[0] == [("b", "h1", "h3")]


@given(given_=documents(), data=st.data(), bystanders=st.integers(0, 3))
def test_a_plan_results_in_a_matching_and_moves_only_the_mentees_it_names(
    given_: Document, data: st.DataObject, bystanders: int
) -> None:
    names = [one["id"] for one in given_["mentors"]]
    gone = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
    round, told = plan(given_, *gone, bystanders=bystanders)
    before = {one.id: one.mentor for one in solve(content(given_)).mentees if one.mentor}
    moves = {one.mentee: one.mentor for step in told.steps for one in step}
    left = {one.mentee for one in told.left_behind}
    after = {mentee: moves.get(mentee, was) for mentee, was in before.items() if mentee not in left}
    assert not set(after.values()) & set(gone)
    assert sum(moves[one] != before[one] for one in moves if before[one] not in gone) == told.bystanders_moved
    assert told.bystanders_moved <= bystanders
    assert {one for one, was in before.items() if was in gone} == left | {one for one in moves if before[one] in gone}
    seats = {one.id: one.capacity for one in round.mentors}
    assert all(list(after.values()).count(one) <= seats[one] for one in set(after.values()))
    wished = {(one.id, wish.mentor) for one in round.mentees for wish in one.wishes}
    assert all((one, mentor) in wished for one, mentor in moves.items())
    assert not {(one.mentee, one.mentor) for one in round.exclusions} & set(moves.items())
    assert all(moves.get(one.mentee, one.mentor) == one.mentor for one in round.pins if one.mentor not in gone)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["match", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    given, result = tmp_path / "input.json", tmp_path / "result.json"
    given.write_bytes(content(ROUND))
    assert run("--input", given, "--output", result).exit_code == 0
    return given, result


def test_a_plan_is_written_and_printed(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run("--repair", *files, "--gone", "h1", "--output", tmp_path / "plan.json")
    assert done.exit_code == 0, done.output
    assert "1 of 2 displaced placed; 0 bystanders moved" in done.output
    told: dict[str, Any] = json.loads((tmp_path / "plan.json").read_bytes())
    assert told["result_sha256"] == json.loads(files[1].read_bytes())["sha256"]
    again = run("--repair", *files, "--gone", "h1", "--output", tmp_path / "again.json")
    assert again.exit_code == 0
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "plan.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gone", "h9"], "h9 is not a mentor of this round"),
        ([], "--gone MENTOR"),
        (["--gone", "h1", "--bystanders", "-1"], "equal to 0"),
    ],
)
def test_errors_are_printed_and_nothing_is_written(
    files: tuple[Path, Path], tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = run("--repair", *files, *arguments, "--output", tmp_path / "plan.json")
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "plan.json").exists()


def test_a_result_that_does_not_hold_is_not_repaired(files: tuple[Path, Path], tmp_path: Path) -> None:
    given, result = files
    result.write_bytes(result.read_bytes().replace(b'"mentor":"h1"', b'"mentor":"h3"', 1))
    done = run("--repair", given, result, "--gone", "h1", "--output", tmp_path / "plan.json")
    assert done.exit_code == 1
    assert not (tmp_path / "plan.json").exists()


def test_a_valid_result_that_the_solver_did_not_make_is_refused_with_its_place(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Sealed again by somebody: who solved it is nothing that the verifier could prove."""
    given, result = files
    result.write_bytes(resealed({**json.loads(result.read_bytes()), "solver": ""}))
    done = run("--repair", given, result, "--gone", "h1", "--output", tmp_path / "plan.json")
    assert (done.exit_code, "/solver" in done.output) == (2, True), done.output

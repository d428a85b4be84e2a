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
    return [[(move.mentee, move.leaves, move.mentor) for move in step] for step in plan.steps]


def test_only_displaced_mentees_move_and_the_unplaced_have_a_reason() -> None:
    _, made = plan(ROUND, "h1")
    assert changes(made) == [[("b", "h1", "h3")]]
    assert [(move.mentee, move.leaves, move.reason) for move in made.left_behind] == [("a", "h1", "full")]
    assert (made.displaced, made.bystanders_moved, made.gone) == (2, 0, ("h1",))


def test_a_bystander_frees_a_seat_where_a_move_is_allowed() -> None:
    contested = document(ROUND["mentors"], [mentee for mentee in ROUND["mentees"] if mentee["id"] != "b"])
    _, made = plan(contested, "h1", bystanders=1)
    assert changes(made) == [[("a", "h1", "h2"), ("d", "h2", "h3")]]
    assert (made.bystanders_moved, made.left_behind) == (1, ())


def test_pins_are_kept_unless_their_mentor_has_left() -> None:
    pinned = {**ROUND, "pins": [pair("d", "h2"), pair("b", "h1")], "mentees": ROUND["mentees"]}
    _, made = plan(pinned, "h1", bystanders=5)
    assert ["d"] not in [[move.mentee for move in step] for step in made.steps]
    assert changes(made)[0] == [("b", "h1", "h3")]


@given(given_=documents(), data=st.data(), bystanders=st.integers(0, 3))
def test_a_plan_results_in_a_matching_and_moves_only_the_mentees_it_names(
    given_: Document, data: st.DataObject, bystanders: int
) -> None:
    names = [mentor["id"] for mentor in given_["mentors"]]
    gone = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
    round, made = plan(given_, *gone, bystanders=bystanders)
    before = {mentee.id: mentee.mentor for mentee in solve(content(given_)).mentees if mentee.mentor}
    moves = {move.mentee: move.mentor for step in made.steps for move in step}
    left = {mentee.mentee for mentee in made.left_behind}
    after = {mentee: moves.get(mentee, was) for mentee, was in before.items() if mentee not in left}
    assert not set(after.values()) & set(gone)
    assert (
        sum(moves[mentee] != before[mentee] for mentee in moves if before[mentee] not in gone) == made.bystanders_moved
    )
    assert made.bystanders_moved <= bystanders
    assert {mentee for mentee, was in before.items() if was in gone} == left | {
        mentee for mentee in moves if before[mentee] in gone
    }
    seats = {mentor.id: mentor.capacity for mentor in round.mentors}
    assert all(list(after.values()).count(mentor) <= seats[mentor] for mentor in set(after.values()))
    wished = {(mentee.id, wish.mentor) for mentee in round.mentees for wish in mentee.wishes}
    assert all((mentee, mentor) in wished for mentee, mentor in moves.items())
    assert not {(exclusion.mentee, exclusion.mentor) for exclusion in round.exclusions} & set(moves.items())
    assert all(moves.get(pin.mentee, pin.mentor) == pin.mentor for pin in round.pins if pin.mentor not in gone)


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
    assert "1 of 2 displaced mentees placed; 0 bystanders moved" in done.output
    written: dict[str, Any] = json.loads((tmp_path / "plan.json").read_bytes())
    assert written["result_sha256"] == json.loads(files[1].read_bytes())["sha256"]
    again = run("--repair", *files, "--gone", "h1", "--output", tmp_path / "again.json")
    assert again.exit_code == 0
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "plan.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gone", "h9"], "h9 is not a mentor of this round"),
        ([], "--gone MENTOR"),
        (["--gone", "h1", "--bystanders", "-1"], "equal to 0"),
    ],
)
def test_errors_are_printed_and_nothing_is_written(
    files: tuple[Path, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run("--repair", *files, *arguments, "--output", tmp_path / "plan.json")
    assert done.exit_code == 2
    assert message in done.output
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

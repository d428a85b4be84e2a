"""Floors that a round would leave unreached: of both targets, and how much of it is listed_floors to whom."""

from typing import Any

from services.matching.kernel.participants import Institution, Policy, Programme, Terms
from services.matching.rounds.solver.files import Compared, Figures, Flow
from services.matching.rounds.solver.floors import Floor, floors, unreached
from tests.unit.matching_people import CARE, EAST, NORTH, SOUTH


def figures(pairs: int) -> Figures:
    """So many of north with mentors of south."""
    flow = (Flow(mentee_institution=NORTH, mentor_institution=SOUTH, pairs=pairs),) if pairs else ()
    numbers = dict.fromkeys(("first_choices", "mean_place_thousandths", "load_gini_thousandths", "score"), 0)
    return Figures(mentees=9, matched=pairs, flow=flow, **numbers)


def listed_floors(given: int, *, floor: int = 8, fit: int = 1, coverage: int | None = 2, to: str = NORTH) -> Any:
    declared = Floor(mentee_institution=NORTH, mentor_institution=SOUTH, floor=floor, given=given)
    compared = Compared(fit=figures(fit), coverage=None if coverage is None else figures(coverage))
    return [(each.given, each.after) for each in unreached([declared], compared, reader=to)]


def test_a_floor_has_the_seats_given_now_and_after_either_target() -> None:
    assert listed_floors(4) == [(4, {"fit": 5, "coverage": 6})]
    assert listed_floors(4, coverage=None) == [(4, {"fit": 5})]
    assert listed_floors(4, fit=0, coverage=0) == [(4, {"fit": 4, "coverage": 4})]


def test_a_floor_is_listed_unless_both_targets_reach_it() -> None:
    assert listed_floors(6, fit=1, coverage=2) == [(6, {"fit": 7, "coverage": 8})]
    assert listed_floors(7) == listed_floors(8, fit=0, coverage=0) == []


def test_small_counts_between_two_other_institutions_are_not_shown() -> None:
    assert listed_floors(4, to=EAST) == [(None, {"fit": None, "coverage": None})]
    assert listed_floors(5, to=EAST) == listed_floors(5, to=SOUTH) == [(5, {"fit": 6, "coverage": 7})]


def test_floors_are_those_of_institutions_that_the_programme_brings_together() -> None:
    institutions = frozenset({NORTH, SOUTH, EAST})
    terms = {NORTH: Terms(floor=3), EAST: Terms(floor=2)}
    known = {
        NORTH: Institution(id=NORTH, exchanges_with=institutions, terms={SOUTH: Terms(ceiling=4)}),
        SOUTH: Institution(id=SOUTH, exchanges_with=institutions, terms=terms),
        EAST: Institution(id=EAST, exchanges_with=institutions),
    }
    programme = Programme(id=CARE, institution=NORTH, admits=frozenset({NORTH, SOUTH}))
    expected = [Floor(mentee_institution=NORTH, mentor_institution=SOUTH, floor=3, given=2)]
    assert list(floors(Policy(programme, known, {(NORTH, SOUTH): 2}))) == expected
    closed = {**known, NORTH: Institution(id=NORTH, exchanges_with=frozenset({EAST}))}
    assert list(floors(Policy(programme, closed))) == []

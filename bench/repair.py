"""Repair: mentors leave a network in which everybody is content; who moves, and what a new round would move."""

import time

import numpy as np

from bench.figures import Figure
from bench.rounds import drawn
from services.matching.kernel.columns import Rows
from services.matching.repairs.domain.departed import without_mentors
from services.matching.repairs.domain.planning import Repaired, RepairProblem, blocking_pairs, repair
from services.matching.rounds.solver.model import NONE, Instance
from services.matching.rounds.solver.proposals import fit

_MENTEES, _MENTORS = 5_000, 2_000
_ALLOWED = 20


def repairs() -> list[Figure]:
    columns = drawn(_MENTEES, _MENTORS, length=10, capacity=4)
    outcome = fit(columns)
    return [figure for percent in (1, 2, 5) for figure in _departures(columns, outcome, percent)]


def _departures(columns: Instance, outcome: Rows, percent: int) -> list[Figure]:
    chance = np.random.default_rng(percent)
    gone = np.zeros(_MENTORS, dtype=np.bool_)
    gone[chance.choice(_MENTORS, _MENTORS * percent // 100, replace=False)] = True
    problem = without_mentors(columns, outcome, gone, round="bench")
    still, seconds = _repaired(problem, 0)
    some, _ = _repaired(problem, _ALLOWED)
    new_outcome = fit(problem.instance)
    held = problem.bystanders
    reshuffled, lost = int((held & (new_outcome != problem.held)).sum()), int((held & (new_outcome == NONE)).sum())
    size = f"{percent} % of mentors leave, {_MENTEES:,} x {_MENTORS:,}"
    displaced = int(problem.displaced.sum())
    return [
        Figure(
            name=f"{size}: bystanders moved at k = 0",
            value=int((held & (still.outcome != problem.held)).sum()),
            unit="people",
            bar=0,
            note=f"{_placed(problem, still.outcome)} of {displaced} displaced mentees placed, {still.blocking} "
            f"blocking pairs, {seconds * 1000:.0f} ms. k = {_ALLOWED}: {_placed(problem, some.outcome)} placed, "
            f"{some.moved} bystanders moved, {some.blocking} blocking pairs. A new round: "
            f"{_placed(problem, new_outcome)} placed, {reshuffled} bystanders moved, {lost} of them out of any seat, "
            f"{blocking_pairs(problem.instance, new_outcome)} blocking pairs",
        )
    ]


def _repaired(problem: RepairProblem, bystanders: int) -> tuple[Repaired, float]:
    began = time.perf_counter()
    repaired = repair(problem, bystanders=bystanders)
    return repaired, time.perf_counter() - began


def _placed(problem: RepairProblem, outcome: Rows) -> int:
    return int((problem.displaced & (outcome != NONE)).sum())

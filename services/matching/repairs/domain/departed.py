"""Repairs the files of a solved round after mentors left: places their mentees again."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from services.matching.kernel.columns import Bools, Rows
from services.matching.repairs.domain.planning import Repaired, RepairProblem, reason_left_behind, repair
from services.matching.rounds.solver import canonical
from services.matching.rounds.solver.files import RoundInput, RoundResult
from services.matching.rounds.solver.model import NONE, Instance, Wishes, instance
from services.matching.rounds.solver.solving import prepared
from shared.contracts.descriptions import Described
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected

_CLOSED = ConfigDict(frozen=True, extra="forbid", defer_build=True)
_Whole = Annotated[int, Field(strict=True, ge=0)]


class Moved(Described, BaseModel):
    model_config = _CLOSED

    mentee: Id
    leaves: Id
    """Whom the round gave them."""
    mentor: Id


class LeftBehind(Described, BaseModel):
    model_config = _CLOSED

    mentee: Id
    leaves: Id
    reason: Literal["no_wishes", "excluded", "full", "outranked"]
    """`full`: no seat that they wish for is free. `outranked`: those that are went to others who are displaced."""


class RoundRepair(Described, BaseModel):
    """The repair of a round after mentors left. Everyone who is not named here keeps their mentor."""

    model_config = _CLOSED

    format: Literal["preceptor-round-repair/1"]
    round: Id
    result_sha256: str
    """The seal of the result that is repaired."""
    gone: tuple[Id, ...]
    bystanders_at_most: _Whole
    displaced: _Whole
    bystanders_moved: _Whole
    blocking_pairs: _Whole
    """Pairs, of those who have or had a mentor, that would both rather have each other then."""
    steps: tuple[tuple[Moved, ...], ...]
    """Each begins with a displaced mentee; each further one makes room for the one before. No step needs another."""
    left_behind: tuple[LeftBehind, ...]

    def file(self) -> bytes:
        """The content of the file: the canonical form and a line feed."""
        return canonical.text(self.model_dump(mode="json")) + b"\n"


def repair_round(round: RoundInput, result: RoundResult, *, gone: Collection[str], bystanders: int) -> RoundRepair:
    """`gone` are the ids of the mentors who left. Raises `Rejected` for one who was not a mentor of the round, and for
    a round in which mentees want several mentors. Minimum group sizes are not
    enforced; mentors whom the round closed stay closed.
    """
    if any(mentee.mentors_wanted > 1 or mentee.has_mentor for mentee in round.mentees):
        message = (
            "a repair plans one mentor for each mentee, and this round has mentees who want several: solve it again"
        )
        raise Rejected("several_mentors_wanted", message)
    columns = prepared(round)
    outcome = _outcome(columns, result)
    columns = columns.without([columns.mentors.index(row.mentor) for row in result.closed])
    is_gone = _flags(columns, gone)
    problem = without_mentors(columns, outcome, is_gone, round=round.round)
    found = repair(problem, bystanders=bystanders)
    before = {mentee.id: mentee.mentor for mentee in result.mentees if mentee.mentor}
    return RoundRepair(
        format="preceptor-round-repair/1",
        round=round.round,
        result_sha256=result.sha256,
        gone=tuple(sorted(set(gone))),
        bystanders_at_most=bystanders,
        displaced=int(problem.displaced.sum()),
        bystanders_moved=found.moved,
        blocking_pairs=found.blocking,
        steps=tuple(tuple(_moves(problem, found, chain, before)) for chain in found.chains),
        left_behind=tuple(_left_behind(problem, found, before)),
    )


def without_mentors(columns: Instance, outcome: Rows, gone: Bools, *, round: str) -> RepairProblem:
    """The round without the mentors flagged in `gone`. Mentees whom the round left unmatched take no part."""
    matched = outcome != NONE
    before = np.full(len(columns.mentees), NONE)
    before[matched] = columns.mentor[outcome[matched]]
    displaced = np.isin(before, np.flatnonzero(gone))
    pinned = (columns.pinned != NONE) & ~displaced
    kept = np.flatnonzero(~gone[columns.mentor] & matched[columns.mentee])
    excluded = kept[columns.excluded[kept]]
    left = instance(
        Wishes(
            mentee=columns.mentee[kept],
            mentor=columns.mentor[kept],
            rank=columns.rank[kept],
            mentor_rank=columns.mentor_position[kept],
            score=columns.score[kept],
        ),
        round=round,
        mentees=columns.mentees,
        mentors=columns.mentors,
        capacity=np.where(gone | columns.closed, 0, columns.capacity),
        pins=[(mentee, int(before[mentee])) for mentee in np.flatnonzero(pinned).tolist()],
        exclusions=list(zip(columns.mentee[excluded].tolist(), columns.mentor[excluded].tolist(), strict=True)),
    )
    held = np.full(len(columns.mentees), NONE)
    granted = np.flatnonzero(before[left.mentee] == left.mentor)
    held[left.mentee[granted]] = granted
    return RepairProblem(
        instance=left, held=held, displaced=displaced, times_unplaced=np.zeros(len(columns.mentees), dtype=np.int64)
    )


def _outcome(columns: Instance, result: RoundResult) -> Rows:
    index = {id: index for index, id in enumerate(columns.mentors)}
    got = np.array([index[mentee.mentor] if mentee.mentor else NONE for mentee in result.mentees], dtype=np.intp)
    outcome = np.full(len(columns.mentees), NONE)
    granted = np.flatnonzero(got[columns.mentee] == columns.mentor)
    outcome[columns.mentee[granted]] = granted
    return outcome


def _flags(columns: Instance, gone: Collection[str]) -> Bools:
    if unknown := sorted(set(gone) - set(columns.mentors)):
        errors = tuple(FieldError("gone", f"{mentor} is not a mentor of this round") for mentor in unknown)
        raise Rejected("mentor_unknown", "only mentors of this round can be named as gone: see errors", errors)
    return np.isin(np.array(columns.mentors), list(gone))


def _moves(problem: RepairProblem, found: Repaired, chain: Sequence[int], before: dict[str, str]) -> Iterator[Moved]:
    columns = problem.instance
    for mentee in chain:
        id = columns.mentees[mentee]
        yield Moved(mentee=id, leaves=before[id], mentor=columns.mentors[columns.mentor[found.outcome[mentee]]])


def _left_behind(problem: RepairProblem, found: Repaired, before: dict[str, str]) -> Iterator[LeftBehind]:
    for mentee in np.flatnonzero(problem.displaced & (found.outcome == NONE)).tolist():
        id = problem.instance.mentees[mentee]
        yield LeftBehind(mentee=id, leaves=before[id], reason=reason_left_behind(problem, mentee))

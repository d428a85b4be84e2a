"""A programme's repair: planning → proposed → approved → applied, or dropped. One at a time in each programme.

Whoever is displaced while a plan waits makes it be planned anew, under a new version: nobody approves a plan unseen.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.matching.kernel.pairs import Party
from shared.contracts.matching import RepairApplied, RepairPlanned
from shared.errors import Conflict

RepairState = Literal["planning", "proposed", "approved", "applied", "dropped"]
StepState = Literal["planned", "left", "applied", "lapsed"]
OPEN: tuple[RepairState, ...] = ("planning", "proposed", "approved")
BYSTANDERS_AT_MOST = 100
ATTEMPTS = 5
"""A repair that was begun more often than this, and never planned, is given up: it ends whoever works on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Counts; the steps say who."""

    displaced: int
    placed: int
    bystanders_moved: int
    blocking_pairs: int

    @property
    def moves(self) -> int:
        """People."""
        return self.placed + self.bystanders_moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    mentee: Party
    mentor: Party
    """To whom."""
    leaves: str | None
    """A relationship that ends with it, if it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A displaced mentee, then each bystander who makes room for the one before; done whole, or not at all."""

    id: str
    repair: str
    displacement: str
    mentee: Party
    """Who is displaced."""
    moves: tuple[Move, ...] = ()
    state: StepState = "planned"
    version: int = 1
    reason: str | None = None
    """Why left behind, or why lapsed: a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    id: str
    institution: str
    """The programme's owner."""
    programme: str
    bystanders_at_most: int = 0
    began_at: datetime
    correlation: str
    state: RepairState = "planning"
    version: int = 1
    attempts: int = 0
    plan: Plan | None = None
    runs_by_itself: bool = False
    applied_at: datetime | None = None


def propose(repair: Repair, plan: Plan, *, by_itself_up_to: int) -> tuple[Repair, RepairPlanned | None]:
    """Without anybody displaced any more there is nothing to see. By itself it moves bystanders never."""
    _require(repair, "planning")
    if not plan.displaced:
        return _next(repair, state="dropped", plan=plan), None
    alone = plan.moves <= by_itself_up_to and by_itself_up_to > 0 and not repair.bystanders_at_most
    after = _next(repair, state="approved" if alone else "proposed", plan=plan, runs_by_itself=alone)
    return after, RepairPlanned(runs_by_itself=alone, **_about(after, plan, placed=plan.placed))


def plan_anew(repair: Repair, *, bystanders: int, correlation: str) -> Repair:
    _require(repair, "planning", "proposed")
    return _next(
        repair, state="planning", attempts=0, plan=None, bystanders_at_most=bystanders, correlation=correlation
    )


def approve(repair: Repair, *, correlation: str) -> Repair:
    _require(repair, "proposed")
    return _next(repair, state="approved", correlation=correlation)


def drop(repair: Repair) -> Repair:
    """Whoever is displaced stays so, until the next plan."""
    _require(repair, "planning", "proposed")
    return _next(repair, state="dropped")


def finish(repair: Repair, *, placed: int, bystanders_moved: int, now: datetime) -> tuple[Repair, RepairApplied]:
    _require(repair, "approved")
    if repair.plan is None:
        raise LookupError(f"repair {repair.id} is being applied without a plan")
    done = replace(repair.plan, bystanders_moved=bystanders_moved)
    after = _next(repair, state="applied", applied_at=now)
    return after, RepairApplied(**_about(after, done, placed=placed))


def _about(repair: Repair, plan: Plan, *, placed: int) -> dict[str, Any]:
    return {
        "repair": repair.id,
        "programme": repair.programme,
        "institution": repair.institution,
        "bystanders_at_most": repair.bystanders_at_most,
        "bystanders_moved": plan.bystanders_moved,
        "displaced": plan.displaced,
        "placed": placed,
        "left_behind": plan.displaced - placed,
        "blocking_pairs": plan.blocking_pairs,
    }


def _require(repair: Repair, *states: RepairState) -> None:
    if repair.state not in states:
        raise Conflict(
            f"repair_not_{states[-1]}", f"this needs a repair that is {states[-1]}; this one is {repair.state}"
        )


def _next(repair: Repair, **changed: Any) -> Repair:
    return replace(repair, version=repair.version + 1, **changed)

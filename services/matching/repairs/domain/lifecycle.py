"""States of a repair: planning → proposed → approved → applied, or dropped. A programme has one open repair at a time.

A mentee who is displaced while a plan is proposed makes it be planned again, under a new version, so that nobody
approves a plan that they have not seen.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal

from services.matching.jobs.domain import Job
from services.matching.kernel.pairs import Party
from shared.contracts.matching import RepairApplied, RepairPlanned

RepairState = Literal["planning", "proposed", "approved", "applied", "dropped"]
StepState = Literal["planned", "left", "applied", "lapsed"]
OPEN: tuple[RepairState, ...] = ("planning", "proposed", "approved")
BYSTANDERS_AT_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Counts; the steps name the people."""

    displaced: int
    placed: int
    bystanders_moved: int
    blocking_pairs: int

    @property
    def moves(self) -> int:
        """Number of people who move."""
        return self.placed + self.bystanders_moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    mentee: Party
    mentor: Party
    """The new mentor."""
    leaves: str | None
    """The relationship that ends with the move, if it has not ended yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A displaced mentee, then each bystander who makes room for the move before. All moves are made, or none."""

    id: str
    repair: str
    displacement: str
    mentee: Party
    """The displaced mentee."""
    moves: tuple[Move, ...] = ()
    state: StepState = "planned"
    version: int = 1
    reason: str | None = None
    """Code: why the mentee is left behind, or why the step lapsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Job):
    NAME: ClassVar[str] = "repair"
    CODE_PREFIX: ClassVar[str] = "repair"
    QUEUED: ClassVar[tuple[str, ...]] = ("planning",)
    bystanders_at_most: int = 0
    correlation: str
    state: RepairState = "planning"
    plan: Plan | None = None
    runs_by_itself: bool = False
    applied_at: datetime | None = None


def propose(repair: Repair, plan: Plan, *, automatic_up_to: int) -> tuple[Repair, RepairPlanned | None]:
    """Drops a plan without displaced mentees. Approves automatically a plan of few moves that may move no bystander."""
    repair.require("planning")
    if not plan.displaced:
        return repair.changed(state="dropped", plan=plan), None
    automatic = plan.moves <= automatic_up_to and automatic_up_to > 0 and not repair.bystanders_at_most
    after = repair.changed(state="approved" if automatic else "proposed", plan=plan, runs_by_itself=automatic)
    return after, RepairPlanned(runs_by_itself=automatic, **_event_fields(after, plan, placed=plan.placed))


def plan_again(repair: Repair, *, bystanders: int, correlation: str) -> Repair:
    repair.require("planning", "proposed")
    return repair.changed(
        state="planning", attempts=0, plan=None, bystanders_at_most=bystanders, correlation=correlation
    )


def approve(repair: Repair, *, correlation: str) -> Repair:
    repair.require("proposed")
    return repair.changed(state="approved", correlation=correlation)


def drop(repair: Repair) -> Repair:
    """Displaced mentees stay displaced, until the next plan."""
    repair.require("planning", "proposed")
    return repair.changed(state="dropped")


def finish(repair: Repair, *, placed: int, bystanders_moved: int, now: datetime) -> tuple[Repair, RepairApplied]:
    repair.require("approved")
    if repair.plan is None:
        raise LookupError(f"repair {repair.id} is being applied without a plan")
    applied = replace(repair.plan, bystanders_moved=bystanders_moved)
    after = repair.changed(state="applied", applied_at=now)
    return after, RepairApplied(**_event_fields(after, applied, placed=placed))


def _event_fields(repair: Repair, plan: Plan, *, placed: int) -> dict[str, Any]:
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

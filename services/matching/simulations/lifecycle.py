"""States of a simulation: running → ready → applied, or dropped with a reason.

Matching changes no programme: a coordinator who wants the draft sends it to profiles, on condition of the version that
it was compared with. The simulation follows the programme. Paths, codes and the collection have its former name,
rehearsal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from services.matching.jobs.domain import Job
from services.matching.kernel.participants import Programme
from services.matching.simulations.comparison import Comparison
from shared.contracts.profiles import Factor, programme_weights
from shared.errors import Rejected

SimulationState = Literal["running", "ready", "applied", "dropped"]
DropReason = Literal["by_coordinator", "programme_changed", "expired", "given_up"]
KEPT = timedelta(days=14)
"""A comparison grows old: people come and go."""
REMEMBERED = timedelta(days=90)
"""Since it began; it has ended long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Changes to today's rules; what is not named stays."""

    weights: Mapping[Factor, int] = field(default_factory=dict)
    list_length: int | None = None
    minimum_score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The weights and limits of a programme."""

    weights: Mapping[Factor, int]
    """By every factor that a programme weighs."""
    list_length: int
    minimum_score: int

    def of(self, programme: Programme, *, sequence: int) -> Programme:
        """The programme under these rules."""
        return replace(
            programme,
            sequence=sequence,
            weights=self.weights,
            list_length=self.list_length,
            minimum_score=self.minimum_score,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    sequence: int
    """Of the programme's state that was compared with; a change to the draft has to expect this version."""
    today: Rules
    draft: Rules
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation(Job):
    NAME: ClassVar[str] = "simulation"
    CODE_PREFIX: ClassVar[str] = "rehearsal"
    QUEUED: ClassVar[tuple[str, ...]] = ("running",)
    draft: Draft
    state: SimulationState = "running"
    result: Result | None = None
    reason: DropReason | None = None

    @property
    def expires_at(self) -> datetime:
        return self.began_at + KEPT


def rules_of(programme: Programme) -> Rules:
    weights = programme_weights(programme.weights)
    return Rules(weights=weights, list_length=programme.list_length, minimum_score=programme.minimum_score)


def drafted(today: Rules, draft: Draft) -> Rules:
    """Raises `Rejected` where the draft changes nothing."""
    new = Rules(
        weights={**today.weights, **draft.weights},
        list_length=today.list_length if draft.list_length is None else draft.list_length,
        minimum_score=today.minimum_score if draft.minimum_score is None else draft.minimum_score,
    )
    if new == today:
        raise Rejected("draft_is_today", "the draft is the same as the programme: change at least one weight or limit")
    return new


def show(simulation: Simulation, result: Result) -> Simulation:
    simulation.require("running")
    return simulation.changed(state="ready", result=result)


def drop(simulation: Simulation) -> Simulation:
    simulation.require("running", "ready")
    return _dropped(simulation, "by_coordinator")


def overtaken(simulation: Simulation) -> Simulation:
    """The programme changed before the lists could be compared."""
    return _dropped(simulation, "programme_changed")


def give_up(simulation: Simulation) -> Simulation:
    return _dropped(simulation, "given_up")


def follow(simulation: Simulation, programme: Programme | None, *, now: datetime) -> Simulation | None:
    """The next state of a ready simulation by the programme's newest state; None where it stays ready."""
    result = simulation.result
    if simulation.state != "ready" or result is None:
        return None
    if programme is not None and programme.sequence > result.sequence:
        if rules_of(programme) == result.draft:
            return simulation.changed(state="applied")
        return _dropped(simulation, "programme_changed")
    return _dropped(simulation, "expired") if now >= simulation.expires_at else None


def _dropped(simulation: Simulation, reason: DropReason) -> Simulation:
    return simulation.changed(state="dropped", reason=reason)

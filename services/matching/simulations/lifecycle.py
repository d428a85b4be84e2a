"""A rehearsal's life: running → ready → applied, or dropped with a reason.

Matching changes no programme: whoever wants the draft sends it to profiles, on condition of the state that it was
compared with. The rehearsal follows what the programme becomes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.matching.kernel.participants import Programme
from services.matching.simulations.comparison import Comparison
from shared.contracts.profiles import Factor, programme_weights
from shared.errors import Conflict, Rejected

RehearsalState = Literal["running", "ready", "applied", "dropped"]
DropReason = Literal["by_coordinator", "programme_changed", "expired", "given_up"]
ATTEMPTS = 5
"""A rehearsal begun more often than this is given up: it ends whoever works on it."""
KEPT = timedelta(days=14)
"""What was compared grows old: people come and go."""
REMEMBERED = timedelta(days=90)
"""From its beginning; it has ended long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What would be other than today; what is not named stays."""

    weights: Mapping[Factor, int] = field(default_factory=dict)
    list_length: int | None = None
    minimum_score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of a programme can be rehearsed, all of it."""

    weights: Mapping[Factor, int]
    """Of every factor that a programme weighs."""
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
    """Of the programme's state that was compared with: what changes it has to expect this one."""
    today: Rules
    draft: Rules
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    id: str
    institution: str
    """The programme's owner."""
    programme: str
    draft: Draft
    began_at: datetime
    state: RehearsalState = "running"
    version: int = 1
    attempts: int = 0
    result: Result | None = None
    reason: DropReason | None = None

    @property
    def expires_at(self) -> datetime:
        return self.began_at + KEPT


def rules_of(programme: Programme) -> Rules:
    weights = programme_weights(programme.weights)
    return Rules(weights=weights, list_length=programme.list_length, minimum_score=programme.minimum_score)


def drafted(today: Rules, draft: Draft) -> Rules:
    """Raises `Rejected` where nothing would be other than it is."""
    new = Rules(
        weights={**today.weights, **draft.weights},
        list_length=today.list_length if draft.list_length is None else draft.list_length,
        minimum_score=today.minimum_score if draft.minimum_score is None else draft.minimum_score,
    )
    if new == today:
        raise Rejected("draft_is_today", "the draft is the same as the programme: change at least one weight or limit")
    return new


def show(rehearsal: Simulation, result: Result) -> Simulation:
    _require(rehearsal, "running")
    return _next(rehearsal, state="ready", result=result)


def drop(rehearsal: Simulation) -> Simulation:
    _require(rehearsal, "running", "ready")
    return _dropped(rehearsal, "by_coordinator")


def overtaken(rehearsal: Simulation) -> Simulation:
    """The programme became another before anything could be compared."""
    return _dropped(rehearsal, "programme_changed")


def give_up(rehearsal: Simulation) -> Simulation:
    return _dropped(rehearsal, "given_up")


def follow(rehearsal: Simulation, programme: Programme | None, *, now: datetime) -> Simulation | None:
    """What becomes of one that is ready, by the programme's newest state; None where it waits on."""
    result = rehearsal.result
    if rehearsal.state != "ready" or result is None:
        return None
    if programme is not None and programme.sequence > result.sequence:
        if rules_of(programme) == result.draft:
            return _next(rehearsal, state="applied")
        return _dropped(rehearsal, "programme_changed")
    return _dropped(rehearsal, "expired") if now >= rehearsal.expires_at else None


def _dropped(rehearsal: Simulation, reason: DropReason) -> Simulation:
    return _next(rehearsal, state="dropped", reason=reason)


def _require(rehearsal: Simulation, *states: RehearsalState) -> None:
    if rehearsal.state not in states:
        raise Conflict(
            f"rehearsal_not_{states[-1]}", f"this needs a rehearsal that is {states[-1]}; this one is {rehearsal.state}"
        )


def _next(rehearsal: Simulation, **changed: Any) -> Simulation:
    return replace(rehearsal, version=rehearsal.version + 1, **changed)

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.profiles.domain.weights import told_weights
from shared.contracts.payload import Payload
from shared.contracts.profiles import Factor, ProgrammeChanged, ProgrammeLimits, Status, programme_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    id: str
    institution: str
    """The owner."""
    name: str
    admits: tuple[str, ...]
    """The owner first."""
    status: Status = "active"
    weights: Mapping[Factor, int] = field(default_factory=dict)
    """Of every factor that a programme weighs."""
    limits: ProgrammeLimits = field(default_factory=ProgrammeLimits)
    repair_by_itself_up_to: int = 0
    """A repair that moves at most so many people needs no coordinator's word; 0: each does."""
    assessment_lookback_days: int = 180
    assessment_lookahead_days: int = 365

    def is_open_to(self, institutions: frozenset[str]) -> bool:
        return self.status == "active" and bool(institutions & set(self.admits))


def found(*, id: str, institution: str, given: Mapping[str, Any]) -> Programme:
    programme = Programme(id=id, institution=institution, name=given["name"], admits=())
    return change(programme, {"admits": (), **given})


def change(programme: Programme, given: Mapping[str, Any]) -> Programme:
    changed = replace(programme, **given)
    return replace(
        changed,
        admits=tuple(dict.fromkeys((changed.institution, *changed.admits))),
        weights=programme_weights(changed.weights),
    )


def facts(programme: Programme) -> tuple[Payload, ...]:
    weights, further_weights = told_weights(programme.weights)
    return (
        ProgrammeChanged(
            programme=programme.id,
            institution=programme.institution,
            name=programme.name,
            status=programme.status,
            admits=programme.admits,
            weights=weights,
            further_weights=further_weights,
            limits=programme.limits,
            repair_by_itself_up_to=programme.repair_by_itself_up_to,
            assessment_lookback_days=programme.assessment_lookback_days,
            assessment_lookahead_days=programme.assessment_lookahead_days,
        ),
    )

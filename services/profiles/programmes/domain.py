"""A programme: its weights and limits, the institutions that it names, and which of these agreed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.profiles.kernel.domain.weights import split_weights
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ClosingReason,
    Factor,
    ProgrammeChanged,
    ProgrammeLimits,
    Separation,
    Status,
    programme_weights,
    separation_days,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    id: str
    institution: str
    """The owner."""
    name: str
    admits: tuple[str, ...]
    """The institutions that the owner names, itself first."""
    agreed: tuple[str, ...]
    """The owner and the institutions that agreed: the programme is open to these and hidden from the others."""
    declined: tuple[str, ...] = ()
    status: Status = "active"
    weights: Mapping[Factor, int] = field(default_factory=dict)
    """For every factor that a programme weighs."""
    limits: ProgrammeLimits = field(default_factory=ProgrammeLimits)
    repair_by_itself_up_to: int = 0
    """A repair that moves at most this many people needs no coordinator's approval; 0: every repair does."""
    assessment_lookback_days: int = 180
    assessment_lookahead_days: int = 365
    separation_days: Mapping[ClosingReason, Separation] = field(default_factory=lambda: separation_days({}))
    """For every reason for which a mentoring is closed."""

    @property
    def awaiting(self) -> tuple[str, ...]:
        return tuple(institution for institution in self.admits if institution not in self.agreed)


def create(*, id: str, institution: str, given: Mapping[str, Any], consenting: Collection[str]) -> Programme:
    programme = Programme(id=id, institution=institution, name=given["name"], admits=(), agreed=())
    return change(programme, {"admits": (), **given}, consenting=consenting)


def change(programme: Programme, given: Mapping[str, Any], *, consenting: Collection[str]) -> Programme:
    """An institution that is named for the first time is asked, unless it is `consenting`: the owner and it name
    each other as partners. An institution that is removed and named again later is asked again.
    """
    changed = replace(programme, **given)
    admits = tuple(dict.fromkeys((changed.institution, *changed.admits)))
    agreed = {changed.institution, *programme.agreed, *(set(consenting) - set(programme.admits))}
    return replace(
        changed,
        admits=admits,
        agreed=tuple(institution for institution in admits if institution in agreed),
        declined=tuple(institution for institution in programme.declined if institution in admits),
        weights=programme_weights(changed.weights),
        separation_days=separation_days(changed.separation_days),
    )


def answer(programme: Programme, institution: str, *, agrees: bool) -> Programme:
    """The answer of an institution that the owner names; it may change its answer later."""
    agreed = {*programme.agreed, institution} if agrees else {*programme.agreed} - {institution}
    declined = {*programme.declined} - {institution} if agrees else {*programme.declined, institution}
    return replace(
        programme,
        agreed=tuple(institution for institution in programme.admits if institution in agreed),
        declined=tuple(institution for institution in programme.admits if institution in declined),
    )


def facts(programme: Programme) -> tuple[Payload, ...]:
    weights, further_weights = split_weights(programme.weights)
    return (
        ProgrammeChanged(
            programme=programme.id,
            institution=programme.institution,
            name=programme.name,
            status=programme.status,
            admits=programme.agreed,
            weights=weights,
            further_weights=further_weights,
            limits=programme.limits,
            repair_by_itself_up_to=programme.repair_by_itself_up_to,
            assessment_lookback_days=programme.assessment_lookback_days,
            assessment_lookahead_days=programme.assessment_lookahead_days,
            separation_days=dict(programme.separation_days),
        ),
    )

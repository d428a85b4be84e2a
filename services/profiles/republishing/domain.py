"""Rebuilds a state from its published events, for a restored backup that does not know it any more."""

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields, replace
from typing import Any, TypeVar

from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ContactChanged,
    MemberChanged,
    MentoringProfileChanged,
    PreferencesChanged,
    ProgrammeChanged,
    separation_days,
)

S = TypeVar("S")


def rebuild_state(kind: type[S], known: S | None, payloads: Sequence[Payload]) -> S | None:
    """Fields that no event carries keep their value. None if nothing is known and the events lack required fields."""
    given: dict[str, Any] = {}
    for payload in payloads:
        given |= _fields_in(payload)
    of_kind = {field.name: value for field in _fields(kind) if (value := given.get(field.name, MISSING)) is not MISSING}
    if known is not None:
        return replace(known, **of_kind)  # type: ignore[type-var]
    if any(field.name not in of_kind for field in _fields(kind) if _is_required(field)):
        return None
    return kind(**of_kind)


def _fields_in(payload: Payload) -> dict[str, Any]:
    values = {"id": payload.aggregate, **{name: getattr(payload, name) for name in type(payload).model_fields}}
    if isinstance(payload, PreferencesChanged | ProgrammeChanged):
        values["weights"] = {**payload.weights, **payload.further_weights}
    # No topic carries institutions that have not agreed: they are asked again when they are named again.
    if isinstance(payload, ProgrammeChanged):
        values["agreed"] = payload.admits
    if isinstance(payload, MemberChanged):
        values["agreed_affiliations"] = payload.affiliations
    if isinstance(payload, ContactChanged | MentoringProfileChanged):
        del values["status"]  # `profiles.members` carries it in every version
    if isinstance(payload, ProgrammeChanged):
        values["separation_days"] = separation_days(payload.separation_days)
    return values


def _fields(kind: type[Any]) -> tuple[Field[Any], ...]:
    return fields(kind)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING

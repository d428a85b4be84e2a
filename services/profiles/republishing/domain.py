"""A state as its topics tell it: what a restored backup does not know any more is read back from what was published."""

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields, replace
from typing import Any, TypeVar

from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ContactChanged,
    MemberChanged,
    PreferencesChanged,
    ProgrammeChanged,
    separation_days,
)

S = TypeVar("S")


def rebuild_state(kind: type[S], known: S | None, told: Sequence[Payload]) -> S | None:
    """None where nothing was known and the topics do not say enough to begin with. What no topic carries stays."""
    given: dict[str, Any] = {}
    for payload in told:
        given |= _fields_in(payload)
    of_kind = {field.name: value for field in _fields(kind) if (value := given.get(field.name, MISSING)) is not MISSING}
    if known is not None:
        return replace(known, **of_kind)  # type: ignore[type-var]
    if any(field.name not in of_kind for field in _fields(kind) if _is_required(field)):
        return None
    return kind(**of_kind)


def _fields_in(payload: Payload) -> dict[str, Any]:
    said = {"id": payload.aggregate, **{name: getattr(payload, name) for name in type(payload).model_fields}}
    if isinstance(payload, PreferencesChanged | ProgrammeChanged):
        said["weights"] = {**payload.weights, **payload.further_weights}
    # Who has not agreed is on no topic: those named are asked again when their institution names them again.
    if isinstance(payload, ProgrammeChanged):
        said["agreed"] = payload.admits
    if isinstance(payload, MemberChanged):
        said["agreed_affiliations"] = payload.affiliations
    if isinstance(payload, ContactChanged):
        del said["status"]  # `profiles.members` says it, and has always said it
    if isinstance(payload, ProgrammeChanged):
        said["separation_days"] = separation_days(payload.separation_days)
    return said


def _fields(kind: type[Any]) -> tuple[Field[Any], ...]:
    return fields(kind)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING

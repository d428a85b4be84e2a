from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.contracts.payload import Payload
from shared.contracts.profiles import InstitutionChanged, Status
from shared.errors import FieldError, Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    id: str
    name: str
    status: Status = "active"
    exchanges_with: tuple[str, ...] = ()

    @property
    def institution(self) -> str:
        """An institution is its own tenant."""
        return self.id


def change(institution: Institution, given: Mapping[str, Any]) -> Institution:
    if institution.id in given.get("exchanges_with", ()):
        raise Rejected(
            "institution_invalid",
            "an institution does not exchange with itself",
            (FieldError("exchanges_with", f"must not name {institution.id} itself"),),
        )
    return replace(institution, **given)


def facts(institution: Institution) -> tuple[Payload, ...]:
    return (
        InstitutionChanged(
            institution=institution.id,
            name=institution.name,
            status=institution.status,
            exchanges_with=institution.exchanges_with,
        ),
    )

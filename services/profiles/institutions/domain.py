"""An institution: its status, its partners, and the terms of exchange with each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.contracts.payload import Payload
from shared.contracts.profiles import ExchangeTerms, InstitutionChanged, Status
from shared.errors import FieldError, Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    id: str
    name: str
    status: Status = "active"
    exchanges_with: tuple[str, ...] = ()
    exchange_terms: tuple[ExchangeTerms, ...] = ()
    """At most one entry for each partner, and for partners only."""

    @property
    def institution(self) -> str:
        """An institution is its own tenant."""
        return self.id


def change(institution: Institution, given: Mapping[str, Any]) -> Institution:
    if institution.id in given.get("exchanges_with", ()):
        raise Rejected(
            "institution_invalid",
            "an institution cannot exchange mentors with itself: see errors",
            (FieldError("exchanges_with", f"must not name {institution.id} itself"),),
        )
    changed = replace(institution, **given)
    if wrong := tuple(_wrong_terms(given.get("exchange_terms", ()), changed.exchanges_with)):
        raise Rejected("exchange_terms_invalid", "the terms of exchange contradict each other: see errors", wrong)
    partners = frozenset(changed.exchanges_with)
    kept = tuple(terms for terms in changed.exchange_terms if terms.partner in partners)
    return replace(changed, exchange_terms=kept)


def _wrong_terms(terms: Sequence[ExchangeTerms], partners: Sequence[str]) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    known = frozenset(partners)
    for index, entry in enumerate(terms):
        where = f"exchange_terms.{index}"
        if entry.partner not in known:
            yield FieldError(f"{where}.partner", f"must be in exchanges_with: {entry.partner} is not")
        if (before := first.setdefault(entry.partner, index)) < index:
            yield FieldError(f"{where}.partner", f"appears twice: exchange_terms.{before} is about {entry.partner} too")
        if entry.direction == "receives" and (entry.ceiling is not None or entry.floor):
            yield FieldError(
                where, "ceiling and floor count seats given: leave them out where the direction is receives"
            )
        elif entry.ceiling is not None and entry.floor > entry.ceiling:
            yield FieldError(f"{where}.floor", f"must be at most the ceiling of {entry.ceiling}")


def facts(institution: Institution) -> tuple[Payload, ...]:
    return (
        InstitutionChanged(
            institution=institution.id,
            name=institution.name,
            status=institution.status,
            exchanges_with=institution.exchanges_with,
            exchange_terms=institution.exchange_terms,
        ),
    )

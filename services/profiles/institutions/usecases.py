"""Creates and changes institutions, and reads them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from services.profiles.institutions import domain
from services.profiles.institutions.domain import Institution
from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.kernel.usecases import AggregateRepository
from shared.contracts.envelope import Trace
from shared.errors import Forbidden, NotFound
from shared.principal import Principal


class InstitutionRepository(AggregateRepository[Institution], Protocol):
    async def page(self, after: str | None, limit: int) -> Sequence[Versioned[Institution]]:
        """For operators: every institution."""

    async def partners(self, institution: str, ids: Sequence[str]) -> Sequence[str]:
        """Those of `ids` that the institution names in `exchanges_with` and that name it back."""


class InstitutionUseCases:
    """An operator creates and names institutions; an institution's coordinator decides with whom it exchanges, and how.

    Naming an institution that does not exist gives the same answer as naming a partner that has not named it back.
    """

    def __init__(self, institutions: InstitutionRepository) -> None:
        self._institutions = institutions

    async def create(self, me: Principal, *, id: str, name: str, request: str, trace: Trace) -> Versioned[Institution]:
        me.require("operator")
        institution = Institution(id=id, name=name)
        return await self._institutions.add(institution, domain.facts(institution), trace, request=request)

    async def see(self, me: Principal, id: str) -> Versioned[Institution]:
        if id != me.institution and "operator" not in me.roles:
            raise _unknown()
        found = await self._institutions.find(id, id)
        if found is None:
            raise _unknown()
        return found

    async def page(self, me: Principal, *, after: str | None, limit: int) -> Sequence[Versioned[Institution]]:
        if "operator" in me.roles:
            return await self._institutions.page(after, limit)
        mine = await self._institutions.find(me.home, me.home)
        return [mine] if mine and (after is None or me.home > after) else []

    async def change(
        self,
        me: Principal,
        id: str,
        given: Mapping[str, Any],
        *,
        expected: int,
        trace: Trace,
    ) -> Versioned[Institution]:
        before = (await self.see(me, id)).at(expected)
        _allow(me, id, given)
        after = domain.change(before.state, given)
        payloads = changed_facts(domain.facts(before.state), domain.facts(after))
        return await self._institutions.save(before, after, payloads, trace)


def _allow(me: Principal, id: str, given: Mapping[str, Any]) -> None:
    if given.keys() & {"name", "status"}:
        me.require("operator")
    coordinates = me.institution == id and me.coordinates_institution
    if given.keys() & {"exchanges_with", "exchange_terms"} and not coordinates:
        raise Forbidden(
            "role_required",
            "only the institution's own institution_coordinator can change whom it exchanges with, and how",
        )


def _unknown() -> NotFound:
    return NotFound("institution_not_found", "there is no institution with this id")

from collections.abc import Mapping, Sequence
from typing import Any

from services.profiles.domain import programmes as domain
from services.profiles.domain.aggregate import Versioned, news
from services.profiles.domain.programmes import Programme
from services.profiles.usecases.stores import Institutions, Programmes
from shared.auth import Principal
from shared.contracts.envelope import Trace
from shared.errors import FieldError, Forbidden, NotFound, Rejected


class ProgrammeUseCases:
    """A programme is founded by its owner's coordinator or an operator, and seen by those whom it admits."""

    def __init__(self, programmes: Programmes, institutions: Institutions) -> None:
        self._programmes = programmes
        self._institutions = institutions

    async def found(
        self,
        me: Principal,
        *,
        id: str,
        owner: str | None,
        given: Mapping[str, Any],
        request: str,
        trace: Trace,
    ) -> Versioned[Programme]:
        programme = domain.found(id=id, institution=_owner(me, owner), given=given)
        if not await self._programmes.has_added(request):
            await self._refuse_unknown(programme)
        return await self._programmes.add(programme, domain.facts(programme), trace, request=request)

    async def see(self, me: Principal, id: str) -> Versioned[Programme]:
        found = await self._programmes.find_any(id)
        if found is None or not ("operator" in me.roles or me.institution in found.state.admits):
            raise NotFound("programme_not_found", "there is no such programme")
        return found

    async def page(self, me: Principal, *, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        institution = None if "operator" in me.roles else me.home
        return await self._programmes.page(institution, after, limit)

    async def change(
        self,
        me: Principal,
        id: str,
        given: Mapping[str, Any],
        *,
        expected: int,
        trace: Trace,
    ) -> Versioned[Programme]:
        before = (await self.see(me, id)).at(expected)
        if before.state.institution != me.institution or not me.coordinates(id):
            raise Forbidden("role_required", "a programme is for its owner's coordinator to change")
        after = domain.change(before.state, given)
        await self._refuse_unknown(after)
        told = news(domain.facts(before.state), domain.facts(after))
        return await self._programmes.save(before, after, told, trace)

    async def _refuse_unknown(self, programme: Programme) -> None:
        if unknown := await self._institutions.unknown(programme.admits):
            raise Rejected(
                "institution_unknown",
                "only institutions of this network can be admitted",
                (FieldError("admits", f"unknown: {', '.join(unknown)}"),),
            )


def _owner(me: Principal, named: str | None) -> str:
    me.require("coordinator", "operator")
    owner = named or me.home
    if "operator" in me.roles:
        return owner
    if owner != me.home or not me.coordinates_institution:
        raise Forbidden("role_required", "a coordinator of the whole institution founds its programmes, and no others'")
    return owner

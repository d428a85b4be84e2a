"""Creates and changes programmes, and reads them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from services.profiles.institutions.usecases import InstitutionRepository
from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.usecases import AggregateRepository
from services.profiles.programmes import domain
from services.profiles.programmes.domain import Programme
from shared.contracts.envelope import Trace
from shared.errors import FieldError, Forbidden, NotFound, Rejected
from shared.principal import Principal


class ProgrammeRepository(AggregateRepository[Programme], Protocol):
    async def find_any(self, id: str) -> Versioned[Programme] | None:
        """For operators: of any institution."""

    async def page(self, institution: str | None, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        """Programmes that the institution owns or that admit it; for None (operators) all."""

    async def naming(self, institution: str, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        """Other institutions' programmes that name this institution, whatever it has answered."""

    async def named(self, ids: Sequence[str], admitting: str, owners: Sequence[str] = ()) -> Sequence[Programme]:
        """Programmes among `ids` that admit the institution or belong to one of `owners`."""


class ProgrammeUseCases:
    """A programme is created by its owner's coordinator or an operator, and visible to institutions that it admits."""

    def __init__(self, programmes: ProgrammeRepository, institutions: InstitutionRepository) -> None:
        self._programmes = programmes
        self._institutions = institutions

    async def create(
        self,
        me: Principal,
        *,
        id: str,
        owner: str | None,
        given: Mapping[str, Any],
        request: str,
        trace: Trace,
    ) -> Versioned[Programme]:
        institution = _owner(me, owner)
        _refuse_foreign_id(me, id, institution, is_chosen=id != request)
        consenting = await self._institutions.partners(institution, given.get("admits", ()))
        programme = domain.create(id=id, institution=institution, given=given, consenting=consenting)
        return await self._programmes.add(programme, domain.facts(programme), trace, request=request)

    async def see(self, me: Principal, id: str) -> Versioned[Programme]:
        found = await self._programmes.find_any(id)
        if found is None or not ("operator" in me.roles or me.institution in found.state.agreed):
            raise NotFound("programme_not_found", "there is no programme with this id")
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
            raise Forbidden(
                "role_required", "only a coordinator of the institution that owns the programme can change it"
            )
        consenting = await self._institutions.partners(me.home, given.get("admits", ()))
        after = domain.change(before.state, given, consenting=consenting)
        # Published even where only `awaiting` changed: a programme's sequence on its topic is its version.
        return await self._programmes.save(before, after, domain.facts(after), trace)


def _refuse_foreign_id(me: Principal, id: str, owner: str, *, is_chosen: bool) -> None:
    """An id that a coordinator chooses begins with their institution's: no answer reveals which ids others have chosen.
    Operators see every institution's programmes, and may choose a short id.
    """
    is_short = "." not in id and "operator" in me.roles
    if is_chosen and not is_short and not id.startswith(f"{owner}."):
        raise Rejected(
            "programme_invalid",
            f"id: must begin with {owner}.",
            (FieldError("id", f"must begin with the institution, as in {owner}.first-friday"),),
        )


def _owner(me: Principal, named: str | None) -> str:
    me.require("coordinator", "operator")
    owner = named or me.home
    if "operator" in me.roles:
        return owner
    if owner != me.home or not me.coordinates_institution:
        raise Forbidden(
            "role_required",
            "creating a programme needs the role institution_coordinator of the institution that will own it",
        )
    return owner

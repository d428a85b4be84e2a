"""Institutions over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from services.profiles.institutions.domain import Institution
from services.profiles.institutions.usecases import InstitutionUseCases
from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.domain.fields import Name, given
from shared.contracts.payload import Id, Slug
from shared.contracts.profiles import ExchangeTerms, Status
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    page_of,
    problems,
    router,
    text_after,
    with_etag,
)


class NewInstitution(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"id": "st-anna", "name": "St Anna"}})

    id: Slug
    name: Name


class Terms(ExchangeTerms):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_contract(self) -> ExchangeTerms:
        return ExchangeTerms(**dict(self))


_EXAMPLE: JsonDict = {
    "exchanges_with": ["st-anna"],
    "exchange_terms": [{"partner": "st-anna", "direction": "both", "ceiling": 20, "floor": 5}],
}


class InstitutionPatch(BaseModel):
    """Fields left out stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    name: Name = ""
    status: Status = "active"
    exchanges_with: Annotated[
        tuple[Id, ...], Field(max_length=1_000), AfterValidator(lambda ids: tuple(dict.fromkeys(ids)))
    ] = ()
    exchange_terms: Annotated[
        tuple[Terms, ...],
        Field(max_length=1_000),
        AfterValidator(lambda terms: tuple(entry.to_contract() for entry in terms)),
    ] = ()
    """For partners in `exchanges_with`; a partner without terms exchanges both ways, without limits."""


class InstitutionView(BaseModel):
    id: str
    name: str
    status: Status
    exchanges_with: tuple[str, ...]
    exchange_terms: tuple[ExchangeTerms, ...]
    version: int


def _view(found: Versioned[Institution]) -> InstitutionView:
    return InstitutionView(
        id=found.state.id,
        name=found.state.name,
        status=found.state.status,
        exchanges_with=found.state.exchanges_with,
        exchange_terms=found.state.exchange_terms,
        version=found.version,
    )


def institutions_router(institutions: InstitutionUseCases) -> APIRouter:
    routes = router(prefix="/institutions", tags=["institutions"])

    @routes.post("", status_code=201, responses=problems(409))
    async def create(
        body: NewInstitution,
        me: SignedIn,
        request: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> InstitutionView:
        """Operators only."""
        created = await institutions.create(me, id=body.id, name=body.name, request=request, trace=trace)
        response.headers["location"] = f"/institutions/{body.id}"
        return with_etag(response, created.version, _view(created))

    @routes.get("")
    async def page(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[InstitutionView]:
        """Your own institution; an operator sees all."""
        found = await institutions.page(me, after=text_after(cursor), limit=limit)
        return page_of(found, _view, limit=limit, position=lambda seen: seen.state.id)

    @routes.get("/{institution}", responses=problems(404))
    async def see(institution: Id, me: SignedIn, response: Response) -> InstitutionView:
        seen = await institutions.see(me, institution)
        return with_etag(response, seen.version, _view(seen))

    @routes.patch("/{institution}", responses=problems(404, 412))
    async def change(
        institution: Id,
        body: InstitutionPatch,
        me: SignedIn,
        if_match: ExpectedVersion,
        trace: Traced,
        response: Response,
    ) -> InstitutionView:
        """Name and status: operators. `exchanges_with` and `exchange_terms`: the institution's coordinator."""
        changed = await institutions.change(me, institution, given(body), expected=if_match, trace=trace)
        return with_etag(response, changed.version, _view(changed))

    return routes

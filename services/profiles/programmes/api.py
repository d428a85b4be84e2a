"""Programmes over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.domain.fields import Name, ProgrammeWeights, given
from services.profiles.programmes.domain import Programme
from services.profiles.programmes.usecases import ProgrammeUseCases
from shared.contracts.payload import Id
from shared.contracts.profiles import ClosingReason, Factor, ProgrammeLimits, Separation, Status
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
from shared.principal import Principal

_EXAMPLE: JsonDict = {
    "id": "st-anna.first-friday",
    "name": "First Friday",
    "admits": ["st-anna"],
    "weights": {"topics": 100, "stage": 40},
}


ProgrammeId = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=128, pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*(?:\.[a-z0-9]+(?:[-_][a-z0-9]+)*)?$"
    ),
]
Days = Annotated[int, Field(ge=0, le=1825)]


class Limits(ProgrammeLimits):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProgrammePatch(BaseModel):
    """Fields left out stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"weights": {"topics": 80}}})

    name: Name = ""
    status: Status = "active"
    admits: Annotated[tuple[Id, ...], Field(max_length=1_000)] = ()
    """The owner is always among them. Another institution is admitted once it has agreed (`/admissions`), or at once
    where the owner and it name each other in `exchanges_with`.
    """
    weights: ProgrammeWeights = {}
    limits: Limits = Limits()
    repair_by_itself_up_to: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="A repair that moves at most so many people needs no coordinator's approval",
    )
    assessment_lookback_days: Days = 180
    """For so many days after a rotation, its assessor and the members whom they assessed are kept apart."""
    assessment_lookahead_days: Days = 365
    """For so many days before a rotation begins, they are kept apart."""
    separation_days: dict[ClosingReason, Separation] = Field(
        default={},
        description="By reason for closing: so many days, or `forever`, the same two are not brought together again. "
        "A reason that is left out has its default",
        examples=[{"not_a_fit": 730, "goals_reached": 0}],
    )


class NewProgramme(ProgrammePatch):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    id: ProgrammeId | None = None
    """For roster mappings to name: begins with the owner's id and a dot. Operators may leave that out. Without one the
    programme gets a UUID.
    """
    institution: Id | None = None
    """The owner, if an operator founds the programme."""
    name: Name


class ProgrammeView(BaseModel):
    id: str
    institution: str
    name: str
    status: Status
    admits: tuple[str, ...]
    awaiting: tuple[str, ...] = Field(description="Institutions in `admits` that have not agreed; shown to the owner")
    weights: dict[Factor, int] = Field(description="Every factor that counts here, as set or by default")
    limits: ProgrammeLimits
    repair_by_itself_up_to: int
    assessment_lookback_days: int
    assessment_lookahead_days: int
    separation_days: dict[ClosingReason, Separation]
    version: int


def _view(found: Versioned[Programme], me: Principal) -> ProgrammeView:
    """Only the owner and operators see which institutions have not agreed."""
    programme = found.state
    is_owners = me.institution == programme.institution or "operator" in me.roles
    return ProgrammeView(
        id=programme.id,
        institution=programme.institution,
        name=programme.name,
        status=programme.status,
        admits=programme.admits if is_owners else programme.agreed,
        awaiting=programme.awaiting if is_owners else (),
        weights=dict(programme.weights),
        limits=programme.limits,
        repair_by_itself_up_to=programme.repair_by_itself_up_to,
        assessment_lookback_days=programme.assessment_lookback_days,
        assessment_lookahead_days=programme.assessment_lookahead_days,
        separation_days=dict(programme.separation_days),
        version=found.version,
    )


def programmes_router(programmes: ProgrammeUseCases) -> APIRouter:
    routes = router(prefix="/programmes", tags=["programmes"])

    @routes.post("", status_code=201, responses=problems(409))
    async def create(
        body: NewProgramme,
        me: SignedIn,
        new_id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> ProgrammeView:
        """By the owner's coordinator, or by an operator for a named owner."""
        fields = given(body)
        id, owner = fields.pop("id", None) or new_id, fields.pop("institution", None)
        created = await programmes.create(me, id=id, owner=owner, given=fields, request=new_id, trace=trace)
        response.headers["location"] = f"/programmes/{created.state.id}"
        return with_etag(response, created.version, _view(created, me))

    @routes.get("")
    async def page(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[ProgrammeView]:
        """Programmes that your institution owns or is admitted to; an operator sees all."""
        found = await programmes.page(me, after=text_after(cursor), limit=limit)
        return page_of(found, lambda seen: _view(seen, me), limit=limit, position=lambda seen: seen.state.id)

    @routes.get("/{programme}", responses=problems(404))
    async def see(programme: Id, me: SignedIn, response: Response) -> ProgrammeView:
        seen = await programmes.see(me, programme)
        return with_etag(response, seen.version, _view(seen, me))

    @routes.patch("/{programme}", responses=problems(404, 412))
    async def change(
        programme: Id, body: ProgrammePatch, me: SignedIn, if_match: ExpectedVersion, trace: Traced, response: Response
    ) -> ProgrammeView:
        """By the owner's coordinator."""
        changed = await programmes.change(me, programme, given(body), expected=if_match, trace=trace)
        return with_etag(response, changed.version, _view(changed, me))

    return routes

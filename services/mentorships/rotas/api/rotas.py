"""Rotas over HTTP, as files that are read and not kept. No address is fetched."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.meetings.domain.zones import current_zone
from services.mentorships.rotas import domain
from services.mentorships.rotas.api.files import MAX_CHARACTERS, spans_of_calendar, spans_of_csv
from services.mentorships.rotas.domain import Duty, Source
from services.mentorships.rotas.usecases import NewRota, Rotas
from shared.clock import Clock
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.http import SignedIn, Traced, problems, router
from shared.offloop import off_loop

MAX_BODY_BYTES = 2_000_000


class RotaBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "format": "csv",
                "zone": "Europe/Berlin",
                "content": "starts,ends\n2027-01-08T19:00,2027-01-09T07:00\n",
            }
        },
    )

    format: Literal["ics", "csv"]
    zone: Annotated[str, Field(max_length=64)] = Field(description="IANA time zone of times without a zone")
    content: Annotated[str, Field(max_length=MAX_CHARACTERS)] = Field(
        description="The file: an event for each duty, or the columns `starts` and `ends`. Nothing else of it is kept"
    )


class DutyRead(BaseModel):
    begins_at: datetime
    ends_at: datetime
    is_night: bool = Field(description="It covers three in the morning: eleven hours of rest follow")


class RotaRead(BaseModel):
    changed_at: datetime
    source: Source
    duties: Sequence[DutyRead]


def rotas_router(rotas: Rotas, clock: Clock) -> APIRouter:
    routes = router(tags=["rotas"], max_body_bytes=MAX_BODY_BYTES)
    refusals = problems(404, 413, 422)

    @routes.put("/me/rota", status_code=204, responses=refusals)
    async def set_my_rota(body: RotaBody, me: SignedIn, trace: Traced) -> Response:
        """Replaces my rota. My meetings that fall into a duty, or into the rest after a night duty, are left out."""
        await rotas.set_mine(me, NewRota(duties=await off_loop(_duties, body, clock.now()), trace=trace))
        return Response(status_code=204)

    @routes.delete("/me/rota", status_code=204, responses=problems(404))
    async def delete_my_rota(me: SignedIn, trace: Traced) -> Response:
        """Meetings that it left out take place again."""
        await rotas.set_mine(me, NewRota(duties=(), trace=trace))
        return Response(status_code=204)

    @routes.get("/me/rota", responses=problems(404))
    async def see_my_rota(me: SignedIn, response: Response) -> RotaRead:
        """Nobody else sees it."""
        rota = await rotas.mine(me)
        response.headers["cache-control"] = "no-store"
        return RotaRead(
            changed_at=rota.changed_at, source=rota.source, duties=[_duty_read(duty) for duty in rota.duties]
        )

    @routes.put("/members/{member}/rota", status_code=204, responses=problems(403, 404, 413, 422))
    async def set_rota_of_member(member: Id, body: RotaBody, me: SignedIn, trace: Traced) -> Response:
        """For an integrator: the rota of a member of the own institution."""
        await rotas.set_for_member(me, member, NewRota(duties=await off_loop(_duties, body, clock.now()), trace=trace))
        return Response(status_code=204)

    return routes


def _duties(body: RotaBody, now: datetime) -> tuple[Duty, ...]:
    """Raises `Rejected`."""
    zone = current_zone(body.zone)
    if zone is None:
        error = FieldError("zone", "must be the name of a time zone like Europe/Berlin")
        raise Rejected("rota_invalid", "this rota cannot be used: see errors", (error,))
    read = spans_of_calendar if body.format == "ics" else spans_of_csv
    return domain.duties(read(body.content, zone), zone=zone, now=now)


def _duty_read(duty: Duty) -> DutyRead:
    return DutyRead(begins_at=duty.begins_at, ends_at=duty.ends_at, is_night=duty.is_night)

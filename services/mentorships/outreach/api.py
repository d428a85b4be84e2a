"""Outreach visits over HTTP: a member's own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.meetings.api.bodies import Link, LocalTime
from services.mentorships.meetings.domain.zones import current_zone, gap_error, instant
from services.mentorships.outreach.domain import (
    LEAST_MINUTES,
    MAX_ITEMS,
    MAX_PUPILS,
    MOST_MINUTES,
    Item,
    Plan,
    Possible,
    State,
    Visit,
    possible,
)
from services.mentorships.outreach.usecases import VisitRequest, Visits
from shared.clock import Clock
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.http import IdempotencyKey, KnownVersion, NewId, SignedIn, Traced, etag, problems, router
from shared.text import Line, Text


class VisitBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"starts": "2027-01-08T10:00", "zone": "Europe/Berlin", "minutes": 90, "school": "North School"}
        },
    )

    starts: LocalTime = Field(description="As clocks show it in `zone`")
    zone: str = Field(max_length=64, description="IANA time zone")
    minutes: int = Field(ge=LEAST_MINUTES, le=MOST_MINUTES)
    school: Annotated[Line, Field(min_length=1, max_length=200)]
    contact: Annotated[Text, Field(max_length=500)] = Field(
        default="", description="How to reach the host at the school; never a pupil. Deleted a year after the visit"
    )
    kit: Link | None = Field(default=None, description="The address of the talk kit")

    def plan(self) -> Plan:
        """Raises `Rejected`."""
        zone = current_zone(self.zone)
        if zone is None:
            raise _refused(FieldError("zone", "must be the name of a time zone like Europe/Berlin"))
        if error := gap_error("starts", self.starts, zone):
            raise _refused(error)
        return Plan(
            starts_at=instant(self.starts.replace(second=0, microsecond=0), zone),
            minutes=self.minutes,
            school=self.school,
            contact=self.contact,
            kit=str(self.kit) if self.kit else "",
        )


class ItemBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"text": "kit", "is_done": True}})

    text: Annotated[Line, Field(min_length=1, max_length=200)] = Field(
        description="In your words, or the code of an item with which a visit begins"
    )
    is_done: bool = False


class ChecklistBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"items": [{"text": "kit", "is_done": True}]}}
    )

    items: list[ItemBody] = Field(max_length=MAX_ITEMS)

    def checklist(self) -> Sequence[Item]:
        return [Item(text=item.text, is_done=item.is_done) for item in self.items]


class NoteBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"note": "They would like a second one."}})

    note: Annotated[Text, Field(max_length=2_000)] = Field(default="", description="What follows; no pupil's data")


class HeldBody(NoteBody):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"pupils": 24}})

    pupils: int = Field(ge=0, le=MAX_PUPILS, description="How many; nothing else of them is stored")


class VisitRead(BaseModel):
    id: str
    state: State
    starts_at: datetime
    ends_at: datetime
    minutes: int
    school: str
    contact: str
    kit: str
    checklist: Sequence[ItemBody]
    pupils: int | None = None
    note: str
    possible: Sequence[Possible]


class VisitList(BaseModel):
    items: Sequence[VisitRead]


def outreach_router(visits: Visits, clock: Clock) -> APIRouter:
    routes = router(tags=["outreach"])
    _reading(routes, visits, clock)
    _planning(routes, visits, clock)
    _after(routes, visits, clock)
    return routes


def _reading(routes: APIRouter, visits: Visits, clock: Clock) -> None:
    @routes.get("/me/outreach-visits", responses=problems(404))
    async def my_visits(me: SignedIn, response: Response) -> VisitList:
        """The 200 that were planned last, the latest visit first."""
        response.headers["cache-control"] = "no-store"
        now = clock.now()
        return VisitList(items=[_read(visit, now) for visit in await visits.mine(me)])

    @routes.get("/outreach-visits/{visit}", responses=problems(404))
    async def see_visit(visit: Id, me: SignedIn, response: Response) -> VisitRead:
        response.headers["cache-control"] = "no-store"
        return _with_etag(response, await visits.see(me, visit), clock)


def _planning(routes: APIRouter, visits: Visits, clock: Clock) -> None:
    refusals = problems(404, 409, 412)

    @routes.post("/me/outreach-visits", status_code=201, responses=problems(404, 409))
    async def plan_visit(
        body: VisitBody, me: SignedIn, new_id: NewId, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> VisitRead:
        return _with_etag(response, await visits.plan(me, body.plan(), id=new_id, trace=trace), clock)

    @routes.put("/outreach-visits/{visit}", responses=refusals)
    async def change_visit(
        visit: Id, body: VisitBody, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> VisitRead:
        request = VisitRequest(visit=visit, expected=known, trace=trace)
        return _with_etag(response, await visits.change(me, request, body.plan()), clock)

    @routes.put("/outreach-visits/{visit}/checklist", responses=refusals)
    async def tick_checklist(
        visit: Id, body: ChecklistBody, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> VisitRead:
        """Replaces the whole list."""
        request = VisitRequest(visit=visit, expected=known, trace=trace)
        return _with_etag(response, await visits.tick(me, request, body.checklist()), clock)


def _after(routes: APIRouter, visits: Visits, clock: Clock) -> None:
    refusals = problems(404, 409, 412)

    @routes.post("/outreach-visits/{visit}/cancel", responses=refusals)
    async def cancel_visit(
        visit: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> VisitRead:
        """Also afterwards, of a visit that did not take place."""
        request = VisitRequest(visit=visit, expected=known, trace=trace)
        return _with_etag(response, await visits.cancel(me, request), clock)

    @routes.post("/outreach-visits/{visit}/held", responses=refusals)
    async def hold_visit(
        visit: Id,
        body: HeldBody,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> VisitRead:
        """From the start on. Its minutes count as hours that were given."""
        request = VisitRequest(visit=visit, expected=known, trace=trace)
        held = await visits.hold(me, request, pupils=body.pupils, note=body.note)
        return _with_etag(response, held, clock)

    @routes.put("/outreach-visits/{visit}/note", responses=refusals)
    async def write_note(
        visit: Id, body: NoteBody, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> VisitRead:
        """Of a visit that was held."""
        request = VisitRequest(visit=visit, expected=known, trace=trace)
        return _with_etag(response, await visits.write_note(me, request, note=body.note), clock)


def _with_etag(response: Response, visit: Visit, clock: Clock) -> VisitRead:
    response.headers["etag"] = etag(visit.version)
    return _read(visit, clock.now())


def _read(visit: Visit, now: datetime) -> VisitRead:
    plan = visit.plan
    return VisitRead(
        id=visit.id,
        state=visit.state,
        starts_at=plan.starts_at,
        ends_at=visit.ends_at,
        minutes=plan.minutes,
        school=plan.school,
        contact=plan.contact,
        kit=plan.kit,
        checklist=[ItemBody(text=item.text, is_done=item.is_done) for item in visit.checklist],
        pupils=visit.pupils,
        note=visit.note,
        possible=possible(visit, now=now),
    )


def _refused(error: FieldError) -> Rejected:
    return Rejected("visit_invalid", "this visit cannot be planned: see errors", (error,))

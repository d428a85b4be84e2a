"""HTTP API of requests: mentees make and withdraw them, mentors answer, coordinators see states."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.matching.kernel.pairs import Party, Side
from services.matching.mentoring.api.cards import Card, askers_card
from services.matching.mentoring.domain.requests import MESSAGE_LENGTH, DecliningReason, Request, RequestState
from services.matching.mentoring.usecases.requests import RequestMentor, Requests, RequestView
from shared.contracts.payload import Id
from shared.http import (
    IdempotencyKey,
    KnownVersion,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    moment_before,
    page_of,
    problems,
    router,
    with_etag,
)
from shared.http.cursors import Moment
from shared.text import Text

OwnSide = Annotated[Side | None, Query(description="Only those in which I have this role")]


class NewRequest(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"programme": "first-friday", "mentor": "0190a8f0-m", "message": "May I?"}}
    )

    programme: Id
    mentor: Id
    message: Text = Field(max_length=MESSAGE_LENGTH, description="For the mentor's eyes only")


class Answer(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"reason": "no_time"}})

    reason: DecliningReason = Field(default="unspecified", description="The mentee sees it")


class PartyRead(BaseModel):
    member: str
    institution: str


class RequestRead(BaseModel):
    """`message` is for the two only. `named` says that profiles may show each the other's name."""

    id: str
    programme: str
    mentee: PartyRead
    mentor: PartyRead
    state: RequestState
    reason: str | None = Field(default=None, description="Why it was declined or withdrawn: a code")
    asked_at: datetime
    expires_at: datetime | None = Field(default=None, description="While it is pending")
    settled_at: datetime | None = None
    relationship: str | None = Field(default=None, description="The relationship that began on acceptance")
    message: str | None = None
    repeat: bool = Field(default=False, description="The two had a mentoring before, which was closed")
    named: bool
    asker: Card | None = Field(default=None, description="To the mentor, while it is pending or once it is accepted")


def requests_router(requests: Requests) -> APIRouter:
    routes = router(tags=["requests"])

    @routes.post(
        "/mentees/{mentee}/requests", status_code=201, response_model_exclude_none=True, responses=problems(404, 409)
    )
    async def ask(
        mentee: Id,
        body: NewRequest,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RequestRead:
        """For the mentee. Every reason that is private to the mentor is answered with `not_available`."""
        asked = RequestMentor(id=id, programme=body.programme, mentor=body.mentor, message=body.message)
        response.headers["location"] = f"/requests/{id}"
        return _tagged(response, await requests.ask(me, asked, mentee=mentee, trace=trace), "mentee")

    @routes.post("/requests/{request}/withdraw", response_model_exclude_none=True, responses=problems(404, 409, 412))
    async def withdraw(
        request: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> RequestRead:
        """By the mentee."""
        return _tagged(response, await requests.withdraw(me, request, expected=known, trace=trace), "mentee")

    @routes.post("/requests/{request}/accept", response_model_exclude_none=True, responses=problems(404, 409, 412))
    async def accept(
        request: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> RequestRead:
        """By the mentor; takes a seat, or says `no_seat_left`."""
        return _tagged(response, await requests.accept(me, request, expected=known, trace=trace), "mentor")

    @routes.post("/requests/{request}/decline", response_model_exclude_none=True, responses=problems(404, 409, 412))
    async def decline(
        request: Id,
        body: Answer,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RequestRead:
        """By the mentor."""
        declined = await requests.decline(me, request, reason=body.reason, expected=known, trace=trace)
        return _tagged(response, declined, "mentor")

    @routes.get("/requests/{request}", response_model_exclude_none=True, responses=problems(404))
    async def see(request: Id, me: SignedIn, response: Response) -> RequestRead:
        """For the two; for a coordinator without the message."""
        seen = await requests.see(me, request)
        return with_etag(response, seen.request.version, request_read(seen))

    @routes.get("/me/requests", response_model_exclude_none=True, responses=problems(404))
    async def list_mine(
        me: SignedIn,
        *,
        side: OwnSide = None,
        state: RequestState | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[RequestRead]:
        """The newest first."""
        page = await requests.mine(me, side=side, state=state, before=moment_before(cursor), limit=limit)
        return page_of(page, request_read, limit=limit, position=_position)

    @routes.get("/programmes/{programme}/requests", response_model_exclude_none=True, responses=problems(404))
    async def list_of_programme(
        programme: Id,
        me: SignedIn,
        *,
        state: RequestState | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[RequestRead]:
        """For a coordinator: those of which one side is of the own institution, the newest first."""
        page = await requests.of_programme(me, programme, state=state, before=moment_before(cursor), limit=limit)
        return page_of([RequestView(request, None) for request in page], request_read, limit=limit, position=_position)

    return routes


def party(party: Party) -> PartyRead:
    return PartyRead(member=party.member, institution=party.institution)


def _tagged(response: Response, request: Request, side: Side) -> RequestRead:
    return with_etag(response, request.version, request_read(RequestView(request, side)))


def request_read(seen: RequestView) -> RequestRead:
    request, pair = seen.request, seen.request.pair
    named = request.state == "accepted" or not pair.is_across_institutions
    return RequestRead(
        id=request.id,
        programme=pair.programme,
        mentee=party(pair.mentee),
        mentor=party(pair.mentor),
        state=request.state,
        reason=request.published_reason,
        asked_at=request.asked_at,
        expires_at=request.expires_at,
        settled_at=request.settled_at,
        relationship=request.relationship,
        message=request.message if seen.side else None,
        repeat=request.is_repeat,
        named=named,
        asker=askers_card(seen.asker, named=named) if seen.asker else None,
    )


def _position(seen: RequestView) -> Moment:
    return seen.request.asked_at, seen.request.id

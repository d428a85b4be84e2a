"""HTTP API of relationships: either party pauses, resumes and closes; coordinators see states and reasons."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.matching.mentoring.api.requests import OwnSide, PartyRead, party
from services.matching.mentoring.domain.relationships import ClosingReason, Relationship, RelationshipState
from services.matching.mentoring.usecases.relationships import Command, Relationships
from shared.contracts.payload import Id
from shared.http import (
    IdempotencyKey,
    KnownVersion,
    Limit,
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


class Closing(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"reason": "goals_reached"}})

    reason: ClosingReason = Field(default="unspecified", description="The other person sees it")
    never_again: bool = Field(
        default=False,
        description="Keep the two of us apart for good; neither the other person nor anybody else sees it",
    )


class RelationshipRead(BaseModel):
    id: str
    programme: str
    mentee: PartyRead
    mentor: PartyRead
    state: RelationshipState = Field(description="`on_hold`: one of the two is inactive, and the seat is free")
    reason: str | None = Field(default=None, description="Why it is paused, on hold or closed: a code")
    since: datetime
    closed_at: datetime | None = None
    request: str | None = None
    continues: str | None = Field(
        default=None, description="The relationship before one of the two moved to another institution"
    )
    conflict: str | None = Field(
        default=None, description="Something has to change: `needs_change` to the two, the reason to coordinators"
    )


def relationships_router(relationships: Relationships) -> APIRouter:
    routes = router(tags=["relationships"])
    refusals = problems(404, 409, 412)

    @routes.post("/relationships/{relationship}/pause", response_model_exclude_none=True, responses=refusals)
    async def pause(
        relationship: Id,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RelationshipRead:
        """The seat stays taken."""
        command = Command(relationship=relationship, expected=known, trace=trace)
        return _tagged(response, await relationships.pause(me, command))

    @routes.post("/relationships/{relationship}/resume", response_model_exclude_none=True, responses=refusals)
    async def resume(
        relationship: Id,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RelationshipRead:
        """After it was on hold it takes a seat again, or says `no_seat_left`."""
        command = Command(relationship=relationship, expected=known, trace=trace)
        return _tagged(response, await relationships.resume(me, command))

    @routes.post("/relationships/{relationship}/close", response_model_exclude_none=True, responses=refusals)
    async def close(
        relationship: Id,
        body: Closing,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RelationshipRead:
        """For good; the seat is free. The same two are kept apart as long as the programme says for this reason.
        Closed already, it changes nothing but `never_again`: either person may still ask for that.
        """
        command = Command(relationship=relationship, expected=known, trace=trace)
        closed = await relationships.close(me, command, reason=body.reason, never_again=body.never_again)
        return _tagged(response, closed)

    @routes.get("/relationships/{relationship}", response_model_exclude_none=True, responses=problems(404))
    async def see(relationship: Id, me: SignedIn, response: Response) -> RelationshipRead:
        seen, side = await relationships.see(me, relationship)
        return with_etag(response, seen.shown_version, own_read(seen) if side else relationship_read(seen))

    @routes.get("/me/relationships", response_model_exclude_none=True, responses=problems(404))
    async def list_mine(
        me: SignedIn,
        *,
        side: OwnSide = None,
        state: RelationshipState | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[RelationshipRead]:
        """The newest first."""
        page = await relationships.mine(me, side=side, state=state, before=moment_before(cursor), limit=limit)
        return page_of(page, own_read, limit=limit, position=position)

    @routes.get("/programmes/{programme}/relationships", response_model_exclude_none=True, responses=problems(404))
    async def list_of_programme(
        programme: Id,
        me: SignedIn,
        *,
        state: RelationshipState | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[RelationshipRead]:
        """For a coordinator: those of which one side is of the own institution, the newest first."""
        page = await relationships.of_programme(me, programme, state=state, before=moment_before(cursor), limit=limit)
        return page_of(page, relationship_read, limit=limit, position=position)

    return routes


def _tagged(response: Response, relationship: Relationship) -> RelationshipRead:
    return with_etag(response, relationship.shown_version, own_read(relationship))


def own_read(relationship: Relationship) -> RelationshipRead:
    """As the parties see it: that there is a conflict, but not its reason."""
    read = relationship_read(relationship)
    return read.model_copy(update={"conflict": "needs_change"}) if read.conflict else read


def relationship_read(relationship: Relationship) -> RelationshipRead:
    pair = relationship.pair
    return RelationshipRead(
        id=relationship.id,
        programme=pair.programme,
        mentee=party(pair.mentee),
        mentor=party(pair.mentor),
        state=relationship.state,
        reason=relationship.reason,
        since=relationship.since,
        closed_at=relationship.closed_at,
        request=relationship.request,
        continues=relationship.continues,
        conflict=relationship.conflict,
    )


def position(relationship: Relationship) -> Moment:
    return relationship.since, relationship.id

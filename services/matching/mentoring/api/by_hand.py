"""HTTP API for coordinators who match two people by hand, or end their mentoring."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.matching.mentoring.api.relationships import RelationshipRead, relationship_read
from services.matching.mentoring.domain.by_hand import WantedPair
from services.matching.mentoring.domain.relationships import ClosingReason
from services.matching.mentoring.usecases.by_hand import PairsByHand
from services.matching.mentoring.usecases.relationships import Command
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, KnownVersion, NewId, SignedIn, Traced, problems, router, with_etag


class NewPair(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"mentee": "0190a8f0-a", "mentor": "0190a8f0-m"}})

    mentee: Id
    mentor: Id


class EndingPair(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"reason": "moved_on"}})

    reason: ClosingReason = Field(default="unspecified", description="The two see it on the mentorship")


def pairs_by_hand_router(pairs: PairsByHand) -> APIRouter:
    routes = router(tags=["coordinator"])

    @routes.post(
        "/programmes/{programme}/relationships",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(403, 404, 409),
    )
    async def add(
        programme: Id,
        body: NewPair,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RelationshipRead:
        """Two members of the own institution. Takes a seat, by the same rules as a round; both are notified."""
        wanted = WantedPair(id=id, programme=programme, institution=me.home, mentee=body.mentee, mentor=body.mentor)
        response.headers["location"] = f"/relationships/{id}"
        added = await pairs.add(me, wanted, trace)
        return with_etag(response, added.shown_version, relationship_read(added))

    @routes.post(
        "/programmes/{programme}/relationships/{relationship}/end",
        response_model_exclude_none=True,
        responses=problems(403, 404, 409, 412),
    )
    async def end(
        programme: Id,
        relationship: Id,
        body: EndingPair,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RelationshipRead:
        """For good; the seat is free, both are notified. Separates the two as the programme says for this reason."""
        command = Command(relationship=relationship, expected=known, trace=trace)
        ended = await pairs.end(me, programme, command, reason=body.reason)
        return with_etag(response, ended.shown_version, relationship_read(ended))

    return routes

"""HTTP API for members who change institution."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.matching.moves.domain import StayReason
from services.matching.moves.usecases import Moves
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, SignedIn, Traced, problems, router


class CodeRead(BaseModel):
    code: str = Field(description="Shown once. A person who has it can continue your mentoring: show it to no one")
    expires_at: datetime


class EnteredCode(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "mDQ2c2VjcmV0LWNvZGUtb2YtbW92ZQ"}})

    code: str = Field(min_length=1, max_length=100)


class OutcomeRead(BaseModel):
    relationship: Id
    continued_as: Id | None = Field(default=None, description="The new relationship; absent where this one stays")
    reason: StayReason | None = Field(
        default=None,
        description="Why it stays: `no_seat_left` (raise your capacity), or `not_available`. Then enter the code again",
    )


class MoveRead(BaseModel):
    relationships: list[OutcomeRead]


def moves_router(moves: Moves) -> APIRouter:
    routes = router(tags=["moves"])

    @routes.post("/moves", status_code=201, responses=problems(403, 404))
    async def issue(me: SignedIn, response: Response, _key: IdempotencyKey = None) -> CodeRead:
        """By a member who changes institution, before they leave. Replaces an earlier code."""
        response.headers["cache-control"] = "no-store"
        issued = await moves.issue(me)
        return CodeRead(code=issued.code, expires_at=issued.expires_at)

    @routes.post("/moves/enter", response_model_exclude_none=True, responses=problems(403, 404, 409))
    async def enter(body: EnteredCode, me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> MoveRead:
        """By the same person, with their sign-in at the new institution: open mentoring goes on there. The other
        person of each is notified.
        """
        outcomes = await moves.enter(me, body.code, trace)
        return MoveRead(
            relationships=[
                OutcomeRead(relationship=outcome.relationship, continued_as=outcome.continued_as, reason=outcome.reason)
                for outcome in outcomes
            ]
        )

    return routes

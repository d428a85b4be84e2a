"""Invites a member; binds the sign-in of the person who accepts; takes a sign-in off a member."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.profiles.invitations.usecases.invitations import InvitationUseCases
from services.profiles.members.api.views import MemberView, OwnView, own_view, view_for
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, SignedIn, Traced, problems, router, with_etag
from shared.text import Line


class InvitationView(BaseModel):
    """`code` is shown only in this answer."""

    code: str
    expires_at: datetime


class Acceptance(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "the code you were given"}})

    code: Annotated[Line, Field(min_length=1, max_length=200)]


def invitations_router(invitations: InvitationUseCases) -> APIRouter:
    routes = router(tags=["invitations"])

    @routes.post("/members/{member}/invitations", status_code=201, responses=problems(404, 409))
    async def invite(member: Id, me: SignedIn, response: Response, _key: IdempotencyKey = None) -> InvitationView:
        """By a coordinator. Replaces the member's open invitation."""
        code = await invitations.invite(me, member)
        response.headers["cache-control"] = "no-store"
        return InvitationView(code=code.code, expires_at=code.expires_at)

    @routes.delete("/members/{member}/sign-in", responses=problems(404))
    async def remove_sign_in(member: Id, me: SignedIn, trace: Traced, response: Response) -> OwnView | MemberView:
        """By a coordinator, where a person has another sign-in now: invite them again. Live streams of the old sign-in
        end. It is recorded who did it.
        """
        unbound = await invitations.remove_sign_in(me, member, trace)
        return with_etag(response, unbound.version, view_for(me, unbound))

    @routes.post("/invitations/accept", responses=problems(404, 409))
    async def accept(
        body: Acceptance, me: SignedIn, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> OwnView:
        """By the person: from now on this sign-in is the invited member."""
        bound = await invitations.accept(me, body.code, trace)
        return with_etag(response, bound.version, own_view(bound))

    return routes

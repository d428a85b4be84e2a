"""What a person does with their own profile, and how a sign-in becomes a member's."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.profiles.invitations.usecases import InvitationUseCases
from services.profiles.kernel.domain.fields import given
from services.profiles.members.api.members import MemberPatch
from services.profiles.members.api.views import OwnView, own_view
from services.profiles.members.usecases import MemberUseCases
from services.profiles.privacy.export.usecases import Export
from shared.contracts.payload import Id
from shared.http import ExpectedVersion, IdempotencyKey, SignedIn, Traced, etag, problems, router
from shared.text import Line


class InvitationView(BaseModel):
    """`code` is told this once."""

    code: str
    expires_at: datetime


class Acceptance(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "the code you were given"}})

    code: Annotated[Line, Field(min_length=1, max_length=200)]


def me_router(members: MemberUseCases, export: Export) -> APIRouter:
    routes = router(prefix="/me", tags=["me"])

    @routes.get("", responses=problems(404))
    async def see(me: SignedIn, response: Response) -> OwnView:
        seen = await members.see_myself(me)
        response.headers["etag"] = etag(seen.version)
        return own_view(seen)

    @routes.patch("", responses=problems(404, 409, 412))
    async def change(
        body: MemberPatch, me: SignedIn, if_match: ExpectedVersion, trace: Traced, response: Response
    ) -> OwnView:
        """All but what is the institution's to say: enrolments, affiliations, external_id."""
        changed = await members.change_myself(me, given(body), expected=if_match, trace=trace)
        response.headers["etag"] = etag(changed.version)
        return own_view(changed)

    @routes.get("/export", responses=problems(404))
    async def exported(me: SignedIn, response: Response) -> dict[str, Any]:
        """Everything that this service holds about the person (GDPR, articles 15 and 20)."""
        response.headers["content-disposition"] = 'attachment; filename="preceptor-profile.json"'
        return await export.of(me)

    return routes


def invitations_router(invitations: InvitationUseCases) -> APIRouter:
    routes = router(tags=["invitations"])

    @routes.post("/members/{member}/invitations", status_code=201, responses=problems(404, 409))
    async def invite(member: Id, me: SignedIn, response: Response, _key: IdempotencyKey = None) -> InvitationView:
        """By a coordinator. Whatever invitation of the member was open ends."""
        code = await invitations.invite(me, member)
        response.headers["cache-control"] = "no-store"
        return InvitationView(code=code.code, expires_at=code.expires_at)

    @routes.post("/invitations/accept", responses=problems(404, 409))
    async def accept(
        body: Acceptance, me: SignedIn, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> OwnView:
        """By the person: from now on this sign-in is the invited member."""
        bound = await invitations.accept(me, body.code, trace)
        response.headers["etag"] = etag(bound.version)
        return own_view(bound)

    return routes

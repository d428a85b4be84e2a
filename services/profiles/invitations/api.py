"""Invites a member, or all members of a programme; binds the sign-in of who accepts, or takes it off a member."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.profiles.invitations.domain import Invitation, To, Way
from services.profiles.invitations.usecases.invitations import InvitationUseCases
from services.profiles.invitations.usecases.programmes import ProgrammeInvitations
from services.profiles.members.api.views import MemberView, OwnView, own_view, view_for
from services.profiles.members.domain.members import Member
from shared.contracts.payload import Id
from shared.http import (
    IdempotencyKey,
    Limit,
    Page,
    SignedIn,
    Traced,
    page_of,
    problems,
    router,
    text_after,
    with_etag,
)
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

    @routes.delete("/sign-ins/{member}", responses=problems(404))
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


class NewInvitations(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"way": "link", "to": "not_invited"}})

    way: Way = Field(description="`mail`: notifications sends it; `link`: the answer has the codes")
    to: To = Field(description="`waiting`: a reminder for those who have not accepted their invitation")
    cursor: Id | None = Field(default=None, description="`next` of the answer before: after which member to go on")


class InvitedView(BaseModel):
    member: str
    name: str
    email: str
    code: str = Field(description="Only for the way `link`, and only in this answer")
    expires_at: datetime


class InvitedPage(BaseModel):
    items: Sequence[InvitedView]
    refused: int = Field(description="Members who are also in programmes that you do not coordinate")
    mailed_lately: int = Field(description="Members who are not reminded: they got a mail within the last 24 hours")
    next: str | None = Field(description="Send it as `cursor` to invite the rest; null: all are invited")


class InvitationState(BaseModel):
    """A member of the programme with their latest invitation."""

    member: str
    name: str
    email: str
    has_joined: bool
    way: Way | None = Field(default=None, description="Absent where nobody has invited them")
    invited_at: datetime | None = None
    expires_at: datetime | None = None
    reminders: int = 0


def programme_invitations_router(invitations: ProgrammeInvitations) -> APIRouter:
    routes = router(tags=["invitations"])

    @routes.post("/programmes/{programme}/invitations", responses=problems(404, 409))
    async def invite_many(
        programme: Id,
        body: NewInvitations,
        me: SignedIn,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> InvitedPage:
        """By a coordinator: up to 500 members of the programme, own and active, who have not joined."""
        page = await invitations.invite(me, programme, way=body.way, to=body.to, after=body.cursor, trace=trace)
        if body.way == "link":
            response.headers["cache-control"] = "no-store"
        items = [
            InvitedView(
                member=each.member.id,
                name=each.member.name,
                email=each.member.email,
                code=each.code,
                expires_at=each.invitation.expires_at,
            )
            for each in page.invited
        ]
        return InvitedPage(items=items, refused=page.refused, mailed_lately=page.mailed_lately, next=page.following)

    @routes.get("/programmes/{programme}/invitations", response_model_exclude_none=True, responses=problems(404))
    async def list_invitations(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[InvitationState]:
        """Every active own member of the programme: who has joined, and who was invited."""
        found = await invitations.states(me, programme, after=text_after(cursor), limit=limit)
        return page_of(found, lambda each: _state(*each), limit=limit, position=lambda each: each[0].id)

    return routes


def _state(member: Member, invitation: Invitation | None) -> InvitationState:
    return InvitationState(
        member=member.id,
        name=member.name,
        email=member.email,
        has_joined=member.subject_hash is not None,
        way=invitation.way if invitation else None,
        invited_at=invitation.invited_at if invitation else None,
        expires_at=invitation.expires_at if invitation else None,
        reminders=invitation.reminders if invitation else 0,
    )

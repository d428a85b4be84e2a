"""Mentorships over HTTP: the two people see and change theirs; coordinators see states and dates."""

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.kernel.pairs import Party, Side
from services.mentorships.lifecycle.domain import Possible, State, possible
from services.mentorships.lifecycle.usecases import Command, Mentorships, Seen
from shared.contracts.payload import Id
from shared.http import (
    IdempotencyKey,
    KnownVersion,
    Limit,
    Page,
    SignedIn,
    Traced,
    etag,
    page_of,
    problems,
    router,
    text_after,
)


class PartyRead(BaseModel):
    member: str
    institution: str
    name: str | None = Field(default=None, description="For the two people only; absent after an erasure")


class PlannedReturn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"returns_on": "2027-03-01"}})

    returns_on: Annotated[date, Field(ge=date(2020, 1, 1), le=date(2100, 1, 1))] | None = Field(
        description="The first day after the pause; null: open"
    )


class MentorshipRead(BaseModel):
    id: str = Field(description="Also the id of the relationship in matching")
    programme: str
    mentee: PartyRead
    mentor: PartyRead
    state: State
    began_at: datetime
    introduction_ends_at: datetime | None = Field(
        default=None, description="Without an agreement signed by both, the mentorship ends then"
    )
    activated_at: datetime | None = Field(default=None, description="When the first agreement came into force")
    ends_at: datetime | None = Field(default=None, description="When the agreed period ends")
    last_met_at: datetime | None = Field(
        default=None, description="For a coordinator, the beginning of that day in UTC"
    )
    asked_to_go_on: bool = Field(default=False, description="After a long silence: go on, pause or end?")
    paused_at: datetime | None = None
    returns_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = Field(default=None, description="Why it is paused or has ended: a code")
    continues: str | None = Field(
        default=None, description="The mentorship before one of the two moved to another institution"
    )
    side: Side | None = Field(default=None, description="Yours; absent for a coordinator")
    possible: list[Possible] = Field(
        description="What you can do in this state: `pause`, `resume` and `close` are routes of matching"
    )


def mentorships_router(mentorships: Mentorships) -> APIRouter:
    routes = router(tags=["mentorships"])
    refusals = problems(404, 409, 412)

    @routes.post("/mentorships/{mentorship}/leave", response_model_exclude_none=True, responses=refusals)
    async def leave_introduction(
        mentorship: Id,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> MentorshipRead:
        """Ends an introduction, without a reason and without fault. The seat is free at once. Both are
        notified, and the notification does not say who left.
        """
        command = Command(mentorship=mentorship, expected=known, trace=trace)
        return _with_etag(response, await mentorships.leave(me, command))

    @routes.post("/mentorships/{mentorship}/go-on", response_model_exclude_none=True, responses=refusals)
    async def go_on(
        mentorship: Id,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> MentorshipRead:
        """The answer to `asked_to_go_on`. To pause or to end, use the relationship's routes in matching."""
        command = Command(mentorship=mentorship, expected=known, trace=trace)
        return _with_etag(response, await mentorships.go_on(me, command))

    @routes.put(
        "/mentorships/{mentorship}/return", response_model_exclude_none=True, responses=problems(404, 409, 412, 422)
    )
    async def plan_return(
        mentorship: Id, body: PlannedReturn, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> MentorshipRead:
        """When a pause ends: on that day the mentorship is resumed, if nothing stands against it."""
        command = Command(mentorship=mentorship, expected=known, trace=trace)
        return _with_etag(response, await mentorships.plan_return(me, command, returns_on=body.returns_on))

    @routes.get("/mentorships/{mentorship}", response_model_exclude_none=True, responses=problems(404))
    async def see_mentorship(mentorship: Id, me: SignedIn, response: Response) -> MentorshipRead:
        return _with_etag(response, await mentorships.see(me, mentorship))

    @routes.get("/me/mentorships", response_model_exclude_none=True, responses=problems(404))
    async def my_mentorships(
        me: SignedIn, *, state: State | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[MentorshipRead]:
        """The newest first."""
        page = await mentorships.mine(me, state=state, before=text_after(cursor), limit=limit)
        return page_of(page, mentorship_read, limit=limit, position=_id)

    @routes.get("/programmes/{programme}/mentorships", response_model_exclude_none=True, responses=problems(403, 404))
    async def mentorships_of_programme(
        programme: Id, me: SignedIn, *, state: State | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[MentorshipRead]:
        """For a coordinator: those with a member of their institution, the newest first."""
        page = await mentorships.of_programme(me, programme, state=state, before=text_after(cursor), limit=limit)
        return page_of(page, mentorship_read, limit=limit, position=_id)

    return routes


def _with_etag(response: Response, seen: Seen) -> MentorshipRead:
    response.headers["etag"] = etag(seen.mentorship.version)
    return mentorship_read(seen)


def _id(seen: Seen) -> str:
    return seen.mentorship.id


def mentorship_read(seen: Seen) -> MentorshipRead:
    mentorship = seen.mentorship
    return MentorshipRead(
        id=mentorship.id,
        programme=mentorship.pair.programme,
        mentee=_party(mentorship.pair.mentee, seen),
        mentor=_party(mentorship.pair.mentor, seen),
        state=mentorship.state,
        began_at=mentorship.began_at,
        introduction_ends_at=mentorship.introduction_ends_at,
        activated_at=mentorship.activated_at,
        ends_at=mentorship.ends_at,
        last_met_at=mentorship.last_met_at if seen.side else _day(mentorship.last_met_at),
        asked_to_go_on=mentorship.is_open and mentorship.silence == "asked",
        paused_at=mentorship.paused_at,
        returns_at=mentorship.returns_at,
        ended_at=mentorship.ended_at,
        reason=mentorship.reason or mentorship.pause_reason,
        continues=mentorship.continues if seen.side else None,
        side=seen.side,
        possible=list(possible(mentorship)) if seen.side else [],
    )


def _day(moment: datetime | None) -> datetime | None:
    """When the two meet is theirs alone; that they do is not."""
    return moment and moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _party(party: Party, seen: Seen) -> PartyRead:
    return PartyRead(member=party.member, institution=party.institution, name=seen.names.get(party.member))

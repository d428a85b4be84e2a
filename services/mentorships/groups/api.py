"""Mentoring groups over HTTP, for the mentor and the mentees in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.groups.domain import (
    LEAST_MENTEES,
    MOST_MENTEES,
    Group,
    Possible,
    State,
    meetings_from,
    possible,
)
from services.mentorships.groups.usecases import GroupRequest, Groups, Seen
from services.mentorships.kernel.pairs import Party, Side
from services.mentorships.meetings.api.bodies import PlanBody, PlanRead, plan_read
from services.mentorships.meetings.api.calendar_files import DOCUMENTED, MEDIA_TYPE, calendar_file, entry_of
from services.mentorships.meetings.api.occurrences import MeetingId
from services.mentorships.meetings.domain.plans import plan
from services.mentorships.meetings.domain.zones import LOCAL
from services.mentorships.projections.domain import Person
from shared.calendar_files import CalendarEntry
from shared.clock import Clock
from shared.contracts.payload import Id
from shared.http import PLAIN_INTEGER, IdempotencyKey, KnownVersion, NewId, SignedIn, Traced, etag, problems, router
from shared.text import Text

_SHOWN = timedelta(days=60)
"""How far back and ahead meetings are listed."""
TermsText = Annotated[Text, Field(min_length=1, max_length=5_000)]


class NewGroup(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"mentorships": ["first", "second"], "terms": "What is said here stays here."}},
    )

    mentorships: Annotated[list[Id], Field(min_length=LEAST_MENTEES, max_length=MOST_MENTEES)] = Field(
        description="Active ones of yours in the programme"
    )
    terms: TermsText = Field(description="The agreement of the group, which you sign with this")


class TermsBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"terms": "What is said here stays here. We begin on time."}}
    )

    terms: TermsText


class PersonRead(BaseModel):
    member: str
    institution: str
    name: str | None = Field(default=None, description="Mentees see each other's names once both have signed")
    has_signed: bool = Field(description="The newest version")


class TermsRead(BaseModel):
    number: int
    text: str


class GroupMeetingRead(BaseModel):
    id: str
    starts_at: datetime
    ends_at: datetime
    local_starts: str = Field(description="What the reader's clocks show")
    is_held: bool


class GroupRead(BaseModel):
    id: str
    programme: str
    state: State
    side: Side
    mentor: PersonRead
    mentees: Sequence[PersonRead]
    terms: TermsRead = Field(description="The newest version")
    in_force: TermsRead | None = Field(default=None, description="What everybody has signed")
    plan: PlanRead | None = None
    meetings: Sequence[GroupMeetingRead] = Field(description="Of the last and the next 60 days")
    reason: str | None = None
    possible: Sequence[Possible]


class GroupList(BaseModel):
    items: Sequence[GroupRead]


def groups_router(groups: Groups, clock: Clock) -> APIRouter:
    routes = router(tags=["groups"])
    _opening(routes, groups, clock)
    _agreeing(routes, groups, clock)
    _meeting(routes, groups, clock)
    return routes


def _opening(routes: APIRouter, groups: Groups, clock: Clock) -> None:
    @routes.post(
        "/programmes/{programme}/groups",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(404, 409, 422),
    )
    async def open_group(
        programme: Id,
        body: NewGroup,
        me: SignedIn,
        new_id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> GroupRead:
        """By a mentor, of their active mentorships. They have signed its first terms with that."""
        chosen = list(dict.fromkeys(body.mentorships))
        seen = await groups.open(me, programme, chosen, text=body.terms, id=new_id, trace=trace)
        return _with_etag(response, seen, clock)

    @routes.get("/me/groups", response_model_exclude_none=True, responses=problems(404))
    async def my_groups(me: SignedIn, response: Response) -> GroupList:
        """The newest first."""
        response.headers["cache-control"] = "no-store"
        now = clock.now()
        return GroupList(items=[_read(seen, now) for seen in await groups.mine(me)])

    @routes.get("/groups/{group}", response_model_exclude_none=True, responses=problems(404))
    async def see_group(group: Id, me: SignedIn, response: Response) -> GroupRead:
        response.headers["cache-control"] = "no-store"
        return _with_etag(response, await groups.see(me, group), clock)


def _agreeing(routes: APIRouter, groups: Groups, clock: Clock) -> None:
    refusals = problems(403, 404, 409, 412)

    @routes.put("/groups/{group}/terms", response_model_exclude_none=True, responses=refusals)
    async def propose_terms(
        group: Id, body: TermsBody, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> GroupRead:
        """By the mentor. The version in force holds until everybody has signed the new one."""
        request = GroupRequest(group=group, expected=known, trace=trace)
        return _with_etag(response, await groups.propose(me, request, body.terms), clock)

    @routes.post("/groups/{group}/terms/{number}/sign", response_model_exclude_none=True, responses=refusals)
    async def sign_terms(
        group: Id,
        number: Annotated[int, PLAIN_INTEGER, Path(ge=1, le=10**9)],
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> GroupRead:
        """The newest version."""
        request = GroupRequest(group=group, expected=known, trace=trace)
        return _with_etag(response, await groups.sign(me, request, number=number), clock)

    @routes.post("/groups/{group}/leave", response_model_exclude_none=True, responses=refusals)
    async def leave_group(
        group: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> GroupRead:
        """A mentee leaves; the mentor ends the group. The mentorships go on."""
        request = GroupRequest(group=group, expected=known, trace=trace)
        return _with_etag(response, await groups.leave(me, request), clock)

    @routes.delete("/groups/{group}/mentees/{member}", response_model_exclude_none=True, responses=refusals)
    async def remove_mentee(
        group: Id, member: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> GroupRead:
        """By the mentor. The mentee is notified and no longer waited for; their mentorship goes on."""
        request = GroupRequest(group=group, expected=known, trace=trace)
        return _with_etag(response, await groups.remove(me, request, member), clock)


def _meeting(routes: APIRouter, groups: Groups, clock: Clock) -> None:
    refusals = problems(403, 404, 409, 412)

    @routes.put("/groups/{group}/meetings", response_model_exclude_none=True, responses=refusals)
    async def plan_group_meetings(
        group: Id, body: PlanBody, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> GroupRead:
        """By the mentor, once the terms are in force. Replaces the plan."""
        request = GroupRequest(group=group, expected=known, trace=trace)
        return _with_etag(response, await groups.plan_meetings(me, request, plan(body.wanted())), clock)

    @routes.delete("/groups/{group}/meetings/{meeting}", response_model_exclude_none=True, responses=refusals)
    async def cancel_group_meeting(
        group: Id, meeting: MeetingId, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> GroupRead:
        """By the mentor, one coming meeting."""
        request = GroupRequest(group=group, expected=known, trace=trace)
        return _with_etag(response, await groups.cancel_one(me, request, meeting), clock)

    @routes.post(
        "/groups/{group}/meetings/{meeting}/held",
        response_model_exclude_none=True,
        responses=problems(403, 404, 409),
    )
    async def hold_group_meeting(
        group: Id, meeting: MeetingId, me: SignedIn, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> GroupRead:
        """By anybody in the group, from the start on."""
        return _with_etag(response, await groups.hold(me, GroupRequest(group=group, trace=trace), meeting), clock)

    @routes.get("/groups/{group}/calendar.ics", response_class=Response, responses=DOCUMENTED | problems(404))
    async def group_calendar(group: Id, me: SignedIn) -> Response:
        seen = await groups.see(me, group)
        return Response(calendar_file([], entries_of([seen.group], seen.people)), media_type=MEDIA_TYPE)


def entries_of(groups: Sequence[Group], people: Mapping[str, Person]) -> Sequence[CalendarEntry]:
    """The meetings of groups as calendars show them."""
    return [
        entry_of(
            group.id,
            group.plan,
            group.changes,
            sequence=group.sequence,
            changed_at=group.changed_at,
            summary=_summary(people.get(group.mentor.member)),
            takes_place=group.is_open,
            is_open=group.is_open,
        )
        for group in groups
        if group.plan is not None
    ]


def _summary(mentor: Person | None) -> str:
    return f"Mentoring group: {mentor.name}" if mentor is not None else "Mentoring group"


def _with_etag(response: Response, seen: Seen, clock: Clock) -> GroupRead:
    response.headers["etag"] = etag(seen.group.version)
    return _read(seen, clock.now())


def _read(seen: Seen, now: datetime) -> GroupRead:
    group = seen.group
    in_force = group.in_force
    return GroupRead(
        id=group.id,
        programme=group.programme,
        state=group.state,
        side=seen.side,
        mentor=_person(seen, group.mentor),
        mentees=[_person(seen, mentee.party) for mentee in group.mentees],
        terms=TermsRead(number=group.terms.number, text=group.terms.text),
        in_force=TermsRead(number=in_force.number, text=in_force.text) if in_force else None,
        plan=plan_read(group.plan) if group.plan else None,
        meetings=_meetings(seen, now),
        reason=group.reason,
        possible=possible(group, seen.member),
    )


def _person(seen: Seen, party: Party) -> PersonRead:
    return PersonRead(
        member=party.member,
        institution=party.institution,
        name=seen.name_of(party),
        has_signed=party.member in seen.group.terms.signed,
    )


def _meetings(seen: Seen, now: datetime) -> Sequence[GroupMeetingRead]:
    group = seen.group
    length = group.plan.length if group.plan else timedelta()
    return [
        GroupMeetingRead(
            id=occurrence.id,
            starts_at=occurrence.starts_at,
            ends_at=occurrence.starts_at + length,
            local_starts=occurrence.starts_at.astimezone(ZoneInfo(seen.zone)).strftime(LOCAL),
            is_held=occurrence.id in group.held,
        )
        for occurrence in meetings_from(group, now - _SHOWN, now + _SHOWN)
    ]

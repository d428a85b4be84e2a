"""The API of mentorships for mentoring groups, for the mentor and the mentees in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.web.clients.meetings import Plan
from services.web.clients.profiles import Read
from services.web.clients.transport import File, Service


class Person(Read):
    member: str
    institution: str
    name: str | None = None
    """None for a mentee whom the reader does not know by name yet."""
    has_signed: bool


class Terms(Read):
    number: int
    text: str


class GroupMeeting(Read):
    id: str
    starts_at: datetime
    ends_at: datetime
    is_held: bool


class Group(Read):
    id: str
    programme: str
    state: str
    side: str
    mentor: Person
    mentees: tuple[Person, ...]
    terms: Terms
    """The newest version."""
    in_force: Terms | None = None
    plan: Plan | None = None
    meetings: tuple[GroupMeeting, ...]
    possible: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    service: Service

    async def mine(self) -> Sequence[Group]:
        """The newest first."""
        return [Group.model_validate(group) for group in (await self.service.get("/me/groups")).body["items"]]

    async def group(self, id: str) -> tuple[Group, str]:
        """With its ETag."""
        answer = await self.service.get(f"/groups/{id}")
        return Group.model_validate(answer.body), answer.etag

    async def open(self, programme: str, mentorships: Sequence[str], terms: str, *, idempotency_key: str) -> Group:
        body = {"mentorships": list(mentorships), "terms": terms}
        return Group.model_validate(
            (await self.service.post(f"/programmes/{programme}/groups", body, idempotency_key=idempotency_key)).body
        )

    async def propose(self, id: str, terms: str, *, etag: str) -> None:
        await self.service.put(f"/groups/{id}/terms", {"terms": terms}, etag=etag)

    async def sign(self, id: str, number: int, *, idempotency_key: str) -> None:
        await self.service.post(f"/groups/{id}/terms/{number}/sign", idempotency_key=idempotency_key)

    async def leave(self, id: str, *, idempotency_key: str) -> None:
        """The mentor ends the group with it."""
        await self.service.post(f"/groups/{id}/leave", idempotency_key=idempotency_key)

    async def remove(self, id: str, mentee: str) -> None:
        await self.service.delete(f"/groups/{id}/mentees/{mentee}")

    async def plan_meetings(self, id: str, plan: Mapping[str, Any], *, etag: str) -> None:
        await self.service.put(f"/groups/{id}/meetings", dict(plan), etag=etag)

    async def cancel_meeting(self, id: str, meeting: str) -> None:
        await self.service.delete(f"/groups/{id}/meetings/{meeting}")

    async def hold(self, id: str, meeting: str, *, idempotency_key: str) -> None:
        await self.service.post(f"/groups/{id}/meetings/{meeting}/held", idempotency_key=idempotency_key)

    async def calendar_of(self, id: str) -> File:
        return await self.service.file(f"/groups/{id}/calendar.ics")

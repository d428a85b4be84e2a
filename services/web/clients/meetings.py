"""The API of mentorships: meetings of the two, and the private calendar address of a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.web.clients.profiles import Read
from services.web.clients.transport import File, Refused, Service

_NOT_FOUND = 404


class Plan(Read):
    starts: str
    """Local time in `zone`: `2027-02-05T17:00`."""
    zone: str
    minutes: int
    rule: str
    place: str
    link: str


class Meeting(Read):
    id: str
    starts_at: datetime
    ends_at: datetime
    is_moved: bool
    status: str


class Proposal(Read):
    by: str
    plan: Plan
    coming: tuple[Meeting, ...]


class Series(Read):
    id: str
    mentorship: str
    state: str
    plan: Plan | None = None
    proposal: Proposal | None = None
    coming: tuple[Meeting, ...]
    unrecorded: tuple[Meeting, ...]
    reason: str | None = None
    possible: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meetings:
    service: Service

    async def of(self, mentorship: str) -> Sequence[Series]:
        """The newest first."""
        found = (await self.service.get(f"/mentorships/{mentorship}/meetings")).body["items"]
        return [Series.model_validate(series) for series in found]

    async def series(self, id: str) -> tuple[Series, str]:
        answer = await self.service.get(f"/meetings/{id}")
        return Series.model_validate(answer.body), answer.etag

    async def held(self, series: str) -> Sequence[Meeting]:
        """The agreed meetings of the last and the next 60 days, the earliest first."""
        found = (await self.service.get(f"/meetings/{series}/occurrences")).body["items"]
        return [Meeting.model_validate(meeting) for meeting in found]

    async def propose(self, mentorship: str, plan: Mapping[str, Any], *, idempotency_key: str) -> Series:
        answer = await self.service.post(
            f"/mentorships/{mentorship}/meetings", dict(plan), idempotency_key=idempotency_key
        )
        return Series.model_validate(answer.body)

    async def counter(self, series: str, plan: Mapping[str, Any], *, etag: str) -> None:
        await self.service.put(f"/meetings/{series}/proposal", dict(plan), etag=etag)

    async def decide(self, series: str, command: str, *, etag: str, idempotency_key: str) -> None:
        """`command`: agree, decline or cancel."""
        await self.service.post(f"/meetings/{series}/{command}", etag=etag, idempotency_key=idempotency_key)

    async def record(self, series: str, meeting: str, outcome: str, *, idempotency_key: str) -> None:
        """`outcome`: held or missed."""
        await self.service.post(f"/meetings/{series}/occurrences/{meeting}/{outcome}", idempotency_key=idempotency_key)

    async def move(self, series: str, meeting: str, starts: str, *, etag: str) -> None:
        await self.service.put(f"/meetings/{series}/occurrences/{meeting}", {"starts": starts}, etag=etag)

    async def cancel_one(self, series: str, meeting: str, *, etag: str) -> None:
        await self.service.delete(f"/meetings/{series}/occurrences/{meeting}", etag=etag)

    async def calendar_of(self, series: str) -> File:
        return await self.service.file(f"/meetings/{series}/calendar.ics")

    async def address_since(self) -> datetime | None:
        """When the person's private calendar address was made; None where there is none."""
        try:
            answer = await self.service.get("/me/calendar")
        except Refused as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise
        return datetime.fromisoformat(answer.body["created_at"])

    async def renew_address(self, *, idempotency_key: str) -> str:
        """The path of the calendar, with its token: it cannot be read again."""
        return str((await self.service.post("/me/calendar", idempotency_key=idempotency_key)).body["path"])

    async def delete_address(self) -> None:
        await self.service.delete("/me/calendar")

    async def calendar(self, token: str) -> File:
        """Of the person with this token. Needs no sign-in."""
        return await self.service.file(f"/calendar/{token}.ics")

"""A person's calendar address over HTTP, and the calendar itself, which needs no sign-in."""

import hashlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, Field

from services.mentorships.calendars.usecases import Calendars, Feed
from services.mentorships.flash.domain import Slot
from services.mentorships.groups.api import entries_of
from services.mentorships.meetings.api.calendar_files import DOCUMENTED, MEDIA_TYPE, calendar_file
from services.mentorships.meetings.domain.zones import LOCAL
from services.mentorships.outreach.domain import Visit
from shared.calendar_files import CalendarEntry
from shared.http import IdempotencyKey, SignedIn, problems, router
from shared.offloop import off_loop

Token = Annotated[str, Path(min_length=1, max_length=100, description="The secret part of the address")]


KnownContent = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1_000, description="Entity tags of what the client has: 304 if unchanged"),
]
_CALENDAR: dict[int | str, dict[str, Any]] = (
    DOCUMENTED | {304: {"description": "The calendar has not changed"}} | problems(404, 429)
)


class AddressRead(BaseModel):
    created_at: datetime


class NewAddressRead(BaseModel):
    path: str = Field(description="Of the calendar, with its secret token: shown only in this answer")
    created_at: datetime


def calendars_router(calendars: Calendars) -> APIRouter:
    routes = router(tags=["calendar"])

    @routes.post("/me/calendar", status_code=201)
    async def renew_calendar_address(me: SignedIn, response: Response, _key: IdempotencyKey = None) -> NewAddressRead:
        """A new private address for calendar programs. The one before stops working at once."""
        address, token = await calendars.renew(me)
        response.headers["cache-control"] = "no-store"
        return NewAddressRead(path=f"/calendar/{token}.ics", created_at=address.created_at)

    @routes.get("/me/calendar", responses=problems(404))
    async def see_calendar_address(me: SignedIn) -> AddressRead:
        """Whether there is an address, and since when. It cannot be read again."""
        return AddressRead(created_at=(await calendars.mine(me)).created_at)

    @routes.delete("/me/calendar", status_code=204)
    async def revoke_calendar_address(me: SignedIn) -> Response:
        await calendars.revoke(me)
        return Response(status_code=204)

    @routes.get("/calendar/{token}.ics", response_class=Response, responses=_CALENDAR)
    async def read_calendar(token: Token, known: KnownContent = None) -> Response:
        """All agreed meetings of a person and of their groups, booked flash slots and outreach visits. Without a
        sign-in: the address is the secret.
        """
        content = await off_loop(_file, await calendars.read(token))
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"cache-control": "private, max-age=300", "etag": tag}
        if known is not None and _names(known, tag):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=MEDIA_TYPE, headers=headers)

    return routes


def _file(feed: Feed) -> bytes:
    slots = [_slot(slot, feed) for slot in feed.slots]
    visits = [_visit(visit) for visit in feed.visits]
    return calendar_file(feed.series, [*entries_of(feed.groups, feed.people), *slots, *visits])


def _slot(slot: Slot, feed: Feed) -> CalendarEntry:
    other = next((feed.people.get(member) for member in slot.parties.members if member != feed.member), None)
    return CalendarEntry(
        id=slot.id,
        starts=slot.starts_at.strftime(LOCAL),
        zone="UTC",
        minutes=slot.minutes,
        link=slot.link,
        sequence=slot.version,
        changed_at=slot.starts_at,
        summary=f"Flash conversation: {other.name}" if other else "Flash conversation",
        takes_place=slot.state != "withdrawn",
        is_open=slot.state != "withdrawn",
    )


def _visit(visit: Visit) -> CalendarEntry:
    return CalendarEntry(
        id=visit.id,
        starts=visit.plan.starts_at.strftime(LOCAL),
        zone="UTC",
        minutes=visit.plan.minutes,
        sequence=visit.version,
        changed_at=visit.plan.starts_at,
        summary=f"Outreach visit: {visit.plan.school}",
        takes_place=visit.state != "cancelled",
        is_open=visit.state != "cancelled",
    )


def _names(header: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: a list of entity tags, of which weak ones count too."""
    tags = {part.strip().removeprefix("W/") for part in header.split(",")}
    return not tags.isdisjoint({"*", tag})

"""Single meetings of a series over HTTP: listed, moved, cancelled, recorded as held or missed; the calendar file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from services.mentorships.meetings.api.bodies import RECORDABLE, MeetingRead, Move, SeriesRead, meetings_read
from services.mentorships.meetings.api.calendar_files import DOCUMENTED, MEDIA_TYPE, calendar_file
from services.mentorships.meetings.api.series import with_etag
from services.mentorships.meetings.domain.states import Outcome
from services.mentorships.meetings.usecases import Command, Meetings
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.http import IdempotencyKey, KnownVersion, SignedIn, Traced, problems, router

MeetingId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=32,
        description="Where the rule has it: the local time in the series' zone",
        examples=["2027-02-05T17:00"],
    ),
]
_YEARS: Mapping[str, date] = {"ge": date(2020, 1, 1), "le": date(2100, 1, 1)}
_LONGEST_WINDOW = timedelta(days=366)


class MeetingList(BaseModel):
    items: list[MeetingRead]


def occurrences_router(meetings: Meetings) -> APIRouter:
    routes = router(tags=["meetings"])
    refusals = problems(404, 409, 412)

    @routes.get("/meetings/{series}/occurrences", responses=problems(404, 422))
    async def see_occurrences(
        series: Id,
        me: SignedIn,
        *,
        begin: Annotated[date | None, Query(description="Default: 60 days ago", **_YEARS)] = None,
        end: Annotated[date | None, Query(description="Excluded; at most 366 days later", **_YEARS)] = None,
    ) -> MeetingList:
        """Each meeting with its local time for the reader, and whether it was held."""
        seen = await meetings.see(me, series)
        begins = _instant(begin) if begin else seen.now - RECORDABLE
        ends = _instant(end) if end else begins + 2 * RECORDABLE
        if ends - begins > _LONGEST_WINDOW:
            raise Rejected(
                "window_invalid", "the window is too long", (FieldError("end", "must be within 366 days of begin"),)
            )
        return MeetingList(items=meetings_read(seen, begins, ends))

    @routes.put(
        "/meetings/{series}/occurrences/{meeting}",
        response_model_exclude_none=True,
        responses=problems(404, 409, 412, 422),
    )
    async def move_meeting(
        series: Id, meeting: MeetingId, body: Move, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> SeriesRead:
        """Moves one coming meeting; the other person is notified."""
        command = Command(series=series, expected=known, trace=trace)
        return with_etag(response, await meetings.move(me, command, meeting, starts=body.starts))

    @routes.delete("/meetings/{series}/occurrences/{meeting}", response_model_exclude_none=True, responses=refusals)
    async def cancel_meeting(
        series: Id, meeting: MeetingId, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> SeriesRead:
        """Cancels one coming meeting; the other person is notified."""
        command = Command(series=series, expected=known, trace=trace)
        return with_etag(response, await meetings.cancel_one(me, command, meeting))

    @routes.post(
        "/meetings/{series}/occurrences/{meeting}/{outcome}", response_model_exclude_none=True, responses=refusals
    )
    async def record_meeting(
        series: Id,
        meeting: MeetingId,
        outcome: Outcome,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> SeriesRead:
        """Says that a meeting was held or missed. The first answer counts; `held` corrects `missed`."""
        command = Command(series=series, expected=known, trace=trace)
        return with_etag(response, await meetings.record(me, command, meeting, outcome))

    @routes.get("/meetings/{series}/calendar.ics", response_class=Response, responses=DOCUMENTED | problems(404))
    async def see_calendar_of_series(series: Id, me: SignedIn) -> Response:
        """The series as an iCalendar file."""
        content = calendar_file([await meetings.see(me, series)])
        return Response(content, media_type=MEDIA_TYPE, headers={"cache-control": "private, no-cache"})

    return routes


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

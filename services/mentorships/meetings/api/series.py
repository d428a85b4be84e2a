"""Meetings over HTTP, for the two people of a mentorship only."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.mentorships.meetings.api.bodies import (
    PlanBody,
    SeriesRead,
    series_read,
)
from services.mentorships.meetings.domain.plans import plan
from services.mentorships.meetings.usecases import Command, Meetings, Seen
from shared.contracts.payload import Id
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    KnownVersion,
    NewId,
    SignedIn,
    Traced,
    etag,
    problems,
    router,
)


class SeriesList(BaseModel):
    items: list[SeriesRead]


def series_router(meetings: Meetings) -> APIRouter:
    routes = router(tags=["meetings"])
    refusals = problems(404, 409, 412)

    @routes.post(
        "/mentorships/{mentorship}/meetings",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(404, 409, 422),
    )
    async def propose_meetings(
        mentorship: Id,
        body: PlanBody,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> SeriesRead:
        """The other person agrees, or proposes another plan."""
        wanted = plan(body.wanted())
        return with_etag(response, await meetings.propose(me, mentorship, wanted, id=id, trace=trace))

    @routes.get("/mentorships/{mentorship}/meetings", response_model_exclude_none=True, responses=problems(404))
    async def see_meetings_of_mentorship(mentorship: Id, me: SignedIn) -> SeriesList:
        """All series, the newest first."""
        return SeriesList(items=[series_read(seen) for seen in await meetings.of_mentorship(me, mentorship)])

    @routes.get("/meetings/{series}", response_model_exclude_none=True, responses=problems(404))
    async def see_meetings(series: Id, me: SignedIn, response: Response) -> SeriesRead:
        return with_etag(response, await meetings.see(me, series))

    @routes.put(
        "/meetings/{series}/proposal",
        response_model_exclude_none=True,
        responses=problems(404, 409, 412, 422, 428),
    )
    async def propose_other_plan(
        series: Id, body: PlanBody, me: SignedIn, expected: ExpectedVersion, trace: Traced, response: Response
    ) -> SeriesRead:
        """Before an agreement or after it. An agreed plan holds until the other person agrees to the new one."""
        command = Command(series=series, expected=expected, trace=trace)
        return with_etag(response, await meetings.counter(me, command, plan(body.wanted())))

    @routes.post(
        "/meetings/{series}/agree",
        response_model_exclude_none=True,
        responses=problems(404, 409, 412, 428),
    )
    async def agree_to_meetings(
        series: Id,
        me: SignedIn,
        expected: ExpectedVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> SeriesRead:
        """To the proposal of the other person, as last read (`If-Match`)."""
        command = Command(series=series, expected=expected, trace=trace)
        return with_etag(response, await meetings.agree(me, command))

    @routes.post("/meetings/{series}/decline", response_model_exclude_none=True, responses=refusals)
    async def decline_meetings(
        series: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> SeriesRead:
        """Drops the proposal, one's own too. An agreed plan stays in force."""
        command = Command(series=series, expected=known, trace=trace)
        return with_etag(response, await meetings.decline(me, command))

    @routes.post("/meetings/{series}/cancel", response_model_exclude_none=True, responses=refusals)
    async def cancel_meetings(
        series: Id, me: SignedIn, known: KnownVersion, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> SeriesRead:
        """The whole series. It stays in calendars as cancelled."""
        command = Command(series=series, expected=known, trace=trace)
        return with_etag(response, await meetings.cancel(me, command))

    return routes


def with_etag(response: Response, seen: Seen) -> SeriesRead:
    response.headers["etag"] = etag(seen.series.version)
    return series_read(seen)

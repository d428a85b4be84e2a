"""Meetings of the two: propose a plan or another one, agree, say what was held, move or cancel one, calendar file."""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Path, Response
from starlette.exceptions import HTTPException

from services.web.clients.meetings import Series
from services.web.clients.transport import Refused
from services.web.mentorships import about, plans
from services.web.mentorships.files import passed_on
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id

MeetingId = Annotated[str, Path(pattern=r"^[0-9T:-]{1,32}$")]
_DECISIONS = ("agree", "decline", "cancel")
_RECORD = re.compile(r"(held|missed) ([A-Za-z0-9][A-Za-z0-9._-]{0,127}) ([0-9T:-]{1,32})")
"""The value of a button: an outcome, a series and one of its meetings."""


def meetings_router() -> APIRouter:
    routes = page_router()

    @routes.get("/meetings/{series}")
    async def find(series: Id, visit: SignedIn) -> Response:
        """For mails, which know the series and not its mentorship."""
        found, _ = await visit.meetings.series(series)
        return visit.go(f"/mentorships/{found.mentorship}/meetings/{series}")

    @routes.get("/mentorships/{mentorship}/meetings")
    async def meetings(mentorship: Id, visit: SignedIn) -> Response:
        return await _list(visit, mentorship, Form())

    @routes.post("/mentorships/{mentorship}/meetings")
    async def record(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        """The button's value: held or missed, the series and the meeting."""
        named = _RECORD.fullmatch(form.text("record"))
        if named is None:
            raise HTTPException(404)
        outcome, series, meeting = named.groups()
        try:
            await _require(visit, mentorship, series)
            await visit.meetings.record(series, meeting, outcome, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _list(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/meetings")

    _propose(routes)
    _propose_other(routes)
    _series(routes)
    _one(routes)
    return routes


def _propose(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/meetings/propose")
    async def write(mentorship: Id, visit: SignedIn) -> Response:
        return await _planning(visit, mentorship, visit.form)

    @routes.post("/mentorships/{mentorship}/meetings/propose")
    async def propose(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        checked = form.with_errors(plans.wrong_fields(form, visit.language))
        if checked.errors:
            return await _planning(visit, mentorship, checked)
        try:
            await visit.meetings.propose(mentorship, plans.body(form), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _planning(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/meetings")


def _propose_other(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/meetings/{series}/propose")
    async def write_other(mentorship: Id, series: Id, visit: SignedIn) -> Response:
        return await _planning(visit, mentorship, visit.form, series=series)

    @routes.post("/mentorships/{mentorship}/meetings/{series}/propose")
    async def propose_other(mentorship: Id, series: Id, visit: SignedIn, form: Posted) -> Response:
        checked = form.with_errors(plans.wrong_fields(form, visit.language))
        if checked.errors:
            return await _planning(visit, mentorship, checked, series=series)
        try:
            await visit.meetings.counter(series, plans.body(form), etag=form.version)
        except Refused as refused:
            return await _planning(visit, mentorship, checks.refused_form(visit, form, refused), series=series)
        return visit.go(f"/mentorships/{mentorship}/meetings/{series}")


def _series(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/meetings/{series}")
    async def see(mentorship: Id, series: Id, visit: SignedIn) -> Response:
        return await _page(visit, mentorship, series, Form())

    @routes.post("/mentorships/{mentorship}/meetings/{series}")
    async def decide(mentorship: Id, series: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        if command not in _DECISIONS:
            raise HTTPException(404)
        try:
            await visit.meetings.decide(series, command, etag=form.version, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _page(visit, mentorship, series, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/meetings/{series}")

    @routes.get("/mentorships/{mentorship}/meetings/{series}/calendar.ics")
    async def calendar(mentorship: Id, series: Id, visit: SignedIn) -> Response:
        await _require(visit, mentorship, series)
        return passed_on(await visit.meetings.calendar_of(series), name="mentoring.ics")


def _one(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/meetings/{series}/times/{meeting}")
    async def see_one(mentorship: Id, series: Id, meeting: MeetingId, visit: SignedIn) -> Response:
        return await _moving(visit, mentorship, series, meeting, visit.form)

    @routes.post("/mentorships/{mentorship}/meetings/{series}/times/{meeting}")
    async def move_or_cancel(mentorship: Id, series: Id, meeting: MeetingId, visit: SignedIn, form: Posted) -> Response:
        try:
            if form.text("command") == "cancel":
                await visit.meetings.cancel_one(series, meeting, etag=form.version)
            else:
                checked = form.with_errors(_wrong_time(form, visit))
                if checked.errors:
                    return await _moving(visit, mentorship, series, meeting, checked)
                starts = f"{form.text('starts')}T{form.text('time')}"
                await visit.meetings.move(series, meeting, starts, etag=form.version)
        except Refused as refused:
            return await _moving(visit, mentorship, series, meeting, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/meetings/{series}")


def _wrong_time(form: Form, visit: SignedInVisit) -> dict[str, str]:
    wrong = plans.wrong_fields(form, visit.language)
    return {field: text for field, text in wrong.items() if field in ("starts", "time")}


async def _list(visit: SignedInVisit, id: str, form: Form) -> Response:
    (mentorship, _), found = await asyncio.gather(about.find(visit, id), visit.meetings.of(id))
    return about.page(
        visit,
        "meetings.html",
        mentorship,
        form,
        current=[series for series in found if series.state != "cancelled"],
        past=[series for series in found if series.state == "cancelled"],
        words=plans.in_words,
    )


async def _planning(visit: SignedInVisit, id: str, form: Form, *, series: str = "") -> Response:
    (mentorship, _), zone, etag = await about.find(visit, id), str(visit.language.zone), ""
    begun = plans.empty(zone=zone)
    if series:
        known, etag = await _require(visit, id, series)
        newest = known.proposal.plan if known.proposal else known.plan
        begun = plans.filled(newest) if newest else begun
    return about.page(
        visit,
        "plan.html",
        mentorship,
        form if form.values else begun,
        etag=etag,
        series=series,
        repeats=visit.language.options("repeats", plans.REPEATS),
        which=visit.language.options("which", plans.WHICH),
        weekdays=[(code, visit.language.weekday(day)) for day, code in enumerate(plans.WEEKDAYS)],
        minutes=plans.MINUTES,
    )


async def _page(visit: SignedInVisit, id: str, series: str, form: Form) -> Response:
    (mentorship, _), (known, etag), meetings = await asyncio.gather(
        about.find(visit, id), _require(visit, id, series), visit.meetings.held(series)
    )
    return about.page(
        visit, "series.html", mentorship, form, series=known, etag=etag, meetings=meetings, words=plans.in_words
    )


async def _moving(visit: SignedInVisit, id: str, series: str, meeting: str, form: Form) -> Response:
    (mentorship, _), (known, etag), meetings = await asyncio.gather(
        about.find(visit, id), _require(visit, id, series), visit.meetings.held(series)
    )
    listed = [*known.coming, *known.unrecorded, *meetings]
    found = next((each for each in listed if each.id == meeting), None)
    if found is None or known.plan is None:
        raise HTTPException(404)
    begun = Form({"starts": [meeting[:10]], "time": [meeting[11:16]]})
    return about.page(
        visit,
        "meeting.html",
        mentorship,
        form if form.values else begun,
        series=known,
        etag=etag,
        meeting=found,
    )


async def _require(visit: SignedInVisit, mentorship: str, series: str) -> tuple[Series, str]:
    """With its ETag. A series of another mentorship is no page of this one."""
    known, etag = await visit.meetings.series(series)
    if known.mentorship != mentorship:
        raise HTTPException(404)
    return known, etag

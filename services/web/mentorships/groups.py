"""A person's mentoring groups, one of them with its agreement and meetings, and its mentor's changes."""

import re
from collections.abc import Sequence

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.groups import Group
from services.web.clients.transport import Refused
from services.web.mentorships import plans
from services.web.mentorships.files import passed_on
from services.web.mentorships.group_opening import opening_router
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

_MEETING = re.compile(r"(held|cancel) ([0-9T:-]{1,32})")
"""The value of a button: what happens to which meeting."""


def groups_router() -> APIRouter:
    routes = page_router()

    @routes.get("/groups")
    async def mine(visit: SignedIn) -> Response:
        found = await part(visit.groups.mine())
        return visit.page("groups/overview.html", groups=found.value or (), down=[found.down] if found.down else [])

    routes.include_router(opening_router())
    _one(routes)
    _terms(routes)
    _meetings(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/groups/{group}")
    async def see(group: Id, visit: SignedIn) -> Response:
        return await _page(visit, group, Form())

    @routes.post("/groups/{group}")
    async def act(group: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await _act(visit, group, form)
        except Refused as refused:
            return await _page(visit, group, checks.refused_form(visit, form, refused))
        return visit.go("/groups" if form.text("command") == "leave" else f"/groups/{group}")

    @routes.get("/groups/{group}/calendar.ics")
    async def calendar(group: Id, visit: SignedIn) -> Response:
        return passed_on(await visit.groups.calendar_of(group), name="mentoring-group.ics")


async def _act(visit: SignedInVisit, id: str, form: Form) -> None:
    command, named = form.text("command"), _MEETING.fullmatch(form.text("meeting"))
    if command == "leave":
        await visit.groups.leave(id, idempotency_key=form.idempotency_key)
    elif command == "remove":
        await visit.groups.remove(id, form.text("mentee"))
    elif command == "sign":
        await visit.groups.sign(id, form.number("number") or 0, idempotency_key=form.idempotency_key)
    elif named and named[1] == "held":
        await visit.groups.hold(id, named[2], idempotency_key=form.idempotency_key)
    elif named:
        await visit.groups.cancel_meeting(id, named[2])
    else:
        raise HTTPException(404)


def _terms(routes: APIRouter) -> None:
    @routes.get("/groups/{group}/terms")
    async def edit(group: Id, visit: SignedIn) -> Response:
        return await _editing(visit, group, visit.form)

    @routes.post("/groups/{group}/terms")
    async def propose(group: Id, visit: SignedIn, form: Posted) -> Response:
        checked = checks.missing(visit, form, terms="group_terms_missing")
        if checked.errors:
            return await _editing(visit, group, checked)
        try:
            await visit.groups.propose(group, form.text("terms"), etag=form.version)
        except Refused as refused:
            return await _editing(visit, group, checks.refused_form(visit, form, refused))
        return visit.go(f"/groups/{group}")


def _meetings(routes: APIRouter) -> None:
    @routes.get("/groups/{group}/meetings")
    async def write(group: Id, visit: SignedIn) -> Response:
        return await _planning(visit, group, visit.form)

    @routes.post("/groups/{group}/meetings")
    async def plan(group: Id, visit: SignedIn, form: Posted) -> Response:
        checked = form.with_errors(plans.wrong_fields(form, visit.language))
        if checked.errors:
            return await _planning(visit, group, checked)
        try:
            await visit.groups.plan_meetings(group, plans.body(form), etag=form.version)
        except Refused as refused:
            return await _planning(visit, group, checks.refused_form(visit, form, refused))
        return visit.go(f"/groups/{group}")


async def _page(visit: SignedInVisit, id: str, form: Form) -> Response:
    group, _ = await visit.groups.group(id)
    now = visit.web.clock.now()
    return visit.page(
        "groups/one.html",
        status=checks.status_of(form),
        form=form,
        group=group,
        coming=[meeting for meeting in group.meetings if meeting.starts_at > now],
        begun=[meeting for meeting in reversed(group.meetings) if meeting.starts_at <= now],
        words=plans.in_words,
    )


async def _editing(visit: SignedInVisit, id: str, form: Form) -> Response:
    group, etag = await visit.groups.group(id)
    shown = form if form.values else Form({"terms": [group.terms.text]})
    return visit.page(
        "groups/terms.html", status=checks.status_of(form), form=shown, group=group, etag=form.version or etag
    )


async def _planning(visit: SignedInVisit, id: str, form: Form) -> Response:
    group, etag = await visit.groups.group(id)
    return visit.page(
        "groups/plan.html",
        status=checks.status_of(form),
        form=form if form.values else _begun(group, visit),
        group=group,
        etag=form.version or etag,
        repeats=visit.language.options("repeats", plans.REPEATS),
        which=visit.language.options("which", plans.WHICH),
        weekdays=_weekdays(visit),
        minutes=[(minutes, minutes) for minutes in plans.MINUTES],
    )


def _begun(group: Group, visit: SignedInVisit) -> Form:
    return plans.filled(group.plan) if group.plan else plans.empty(zone=str(visit.language.zone))


def _weekdays(visit: SignedInVisit) -> Sequence[tuple[str, str]]:
    return [(code, visit.language.weekday(day)) for day, code in enumerate(plans.WEEKDAYS)]

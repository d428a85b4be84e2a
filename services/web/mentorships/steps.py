"""Steps that have a page of their own: pause and return, leave the introduction, end."""

import hashlib

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.labels import CLOSING
from services.web.mentorships import about
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id


def steps_router() -> APIRouter:
    routes = page_router()
    _pause(routes)
    _leave(routes)
    _end(routes)
    return routes


def _pause(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/pause")
    async def ask_how_long(mentorship: Id, visit: SignedIn) -> Response:
        return await _pausing(visit, mentorship, visit.form, "pause.html")

    @routes.post("/mentorships/{mentorship}/pause")
    async def pause(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await visit.matching.change_relationship(
                mentorship, "pause", {}, etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _pausing(visit, mentorship, checks.refused_form(visit, form, refused), "pause.html")
        await about.followed(visit, mentorship, before=form.text("state"))
        if not form.text("returns_on"):
            return visit.go(f"/mentorships/{mentorship}")
        return await _return(visit, mentorship, form, etag="")

    @routes.get("/mentorships/{mentorship}/return")
    async def ask_when(mentorship: Id, visit: SignedIn) -> Response:
        return await _pausing(visit, mentorship, visit.form, "return.html")

    @routes.post("/mentorships/{mentorship}/return")
    async def plan_return(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        return await _return(visit, mentorship, form, etag=form.version)


async def _return(visit: SignedInVisit, id: str, form: Form, *, etag: str) -> Response:
    try:
        await visit.mentorships.plan_return(id, form.text("returns_on") or None, etag=etag)
    except Refused as refused:
        return await _pausing(visit, id, checks.refused_form(visit, form, refused), "return.html")
    return visit.go(f"/mentorships/{id}")


async def _pausing(visit: SignedInVisit, id: str, form: Form, template: str) -> Response:
    known = await about.known(visit, id)
    returns_at = known.mentorship.returns_at
    if not form.values and returns_at:
        form = Form({"returns_on": [returns_at.astimezone(visit.language.zone).date().isoformat()]})
    return about.page(visit, template, known.mentorship, form, known=known)


def _leave(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/leave")
    async def check(mentorship: Id, visit: SignedIn) -> Response:
        return await _leaving(visit, mentorship, visit.form)

    @routes.post("/mentorships/{mentorship}/leave")
    async def leave(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await visit.mentorships.decide(mentorship, "leave", etag=form.version, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _leaving(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}")


async def _leaving(visit: SignedInVisit, id: str, form: Form) -> Response:
    mentorship, etag = await about.find(visit, id)
    return about.page(visit, "leave.html", mentorship, form, etag=etag)


def _end(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/end")
    async def choose_reason(mentorship: Id, visit: SignedIn) -> Response:
        return await _ending(visit, mentorship, visit.form)

    @routes.post("/mentorships/{mentorship}/end")
    async def check_or_end(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        """First shows once more what will happen; it ends with the button on that page."""
        if form.text("reason") not in CLOSING:
            wrong = form.with_errors({"reason": visit.language.refusal("reason_missing")})
            return await _ending(visit, mentorship, wrong)
        if form.text("step") == "change":
            return await _ending(visit, mentorship, form)
        if form.text("step") != "end":
            return await _ending(visit, mentorship, form, template="end_check.html")
        try:
            await _say_farewell(visit, mentorship, form.text("farewell").strip())
            body = {"reason": form.text("reason"), "never_again": form.has("never_again", "yes")}
            await visit.matching.change_relationship(
                mentorship, "close", body, etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _ending(visit, mentorship, checks.refused_form(visit, form, refused))
        await about.followed(visit, mentorship, before=form.text("state"))
        return visit.go(f"/mentorships/{mentorship}")


async def _say_farewell(visit: SignedInVisit, id: str, text: str) -> None:
    """As the last message, before the end closes the thread. Its key is its text's: sent again, it arrives once."""
    if text:
        key = hashlib.sha256(f"{id} {text}".encode()).hexdigest()
        await visit.mentorships.send(id, text, idempotency_key=f"farewell-{key}")


async def _ending(visit: SignedInVisit, id: str, form: Form, *, template: str = "end.html") -> Response:
    known = await about.known(visit, id)
    reasons = visit.language.options("reason", CLOSING)
    return about.page(visit, template, known.mentorship, form, etag=known.relationship_etag, reasons=reasons)

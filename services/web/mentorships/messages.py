"""The thread of the two: read, write, block, and report a message."""

import asyncio

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.labels import REPORTING
from services.web.mentorships import about
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id


def messages_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships/{mentorship}/messages")
    async def thread(mentorship: Id, visit: SignedIn, before: str | None = None) -> Response:
        return await _thread(visit, mentorship, visit.form, before=before)

    @routes.post("/mentorships/{mentorship}/messages")
    async def send_or_block(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        try:
            if command in {"block", "unblock"}:
                await visit.mentorships.block(mentorship, is_blocked=command == "block")
            else:
                checked = checks.missing(visit, form, text="message_missing")
                if checked.errors:
                    return await _thread(visit, mentorship, checked)
                await visit.mentorships.send(mentorship, form.text("text"), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _thread(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/messages")

    _report(routes)
    return routes


def _report(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/messages/{message}/report")
    async def ask_why(mentorship: Id, message: Id, visit: SignedIn) -> Response:
        return await _reporting(visit, mentorship, message, visit.form)

    @routes.post("/mentorships/{mentorship}/messages/{message}/report")
    async def report(mentorship: Id, message: Id, visit: SignedIn, form: Posted) -> Response:
        reason, comment = form.text("reason"), form.text("comment")
        checked = checks.missing(visit, form, reason="report_reason_missing")
        if checked.errors:
            return await _reporting(visit, mentorship, message, checked)
        try:
            await visit.mentorships.report(
                message, reason=reason, comment=comment, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _reporting(visit, mentorship, message, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/messages")


async def _thread(visit: SignedInVisit, id: str, form: Form, *, before: str | None = None) -> Response:
    (mentorship, _), thread = await asyncio.gather(about.find(visit, id), visit.mentorships.thread(id, cursor=before))
    return about.page(
        visit, "messages.html", mentorship, form, thread=thread, messages=thread.items[::-1], is_newest=before is None
    )


async def _reporting(visit: SignedInVisit, id: str, message: str, form: Form) -> Response:
    (mentorship, _), known = await asyncio.gather(about.find(visit, id), visit.mentorships.message(message))
    reasons = visit.language.options("report", REPORTING)
    return about.page(visit, "report.html", mentorship, form, message=known, reasons=reasons)

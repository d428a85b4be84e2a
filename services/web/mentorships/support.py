"""What a person asked in confidence, what others ask of them, and the lists on which they are."""

import asyncio

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def support_router() -> APIRouter:
    routes = page_router()

    @routes.get("/support")
    async def overview(visit: SignedIn) -> Response:
        return await _overview(visit)

    _entries(routes)
    _one(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/support/{support}")
    async def see(support: Id, visit: SignedIn) -> Response:
        return await _page(visit, support, visit.form)

    @routes.post("/support/{support}")
    async def answer_or_close(support: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        try:
            if command == "close":
                await visit.support.close(support, idempotency_key=form.idempotency_key)
                return visit.go("/support")
            if command != "answer":
                raise HTTPException(404)
            checked = checks.missing(visit, form, text="support_answer_missing")
            if checked.errors:
                return await _page(visit, support, checked)
            await visit.support.answer(support, form.text("text"))
        except Refused as refused:
            return await _page(visit, support, checks.refused_form(visit, form, refused))
        return visit.go(f"/support/{support}")


def _entries(routes: APIRouter) -> None:
    @routes.get("/support/entries/{entry}")
    async def read(entry: Id, visit: SignedIn) -> Response:
        return await _entry(visit, entry, visit.form)

    @routes.post("/support/entries/{entry}")
    async def accept_or_leave(entry: Id, visit: SignedIn, form: Posted) -> Response:
        """The person's own entry on a list of hearers."""
        try:
            if form.text("command") == "accept":
                await visit.support.accept_entry(entry, idempotency_key=form.idempotency_key)
            else:
                await visit.support.remove_entry(entry)
        except Refused as refused:
            return await _entry(visit, entry, checks.refused_form(visit, form, refused))
        return visit.go("/support")


async def _entry(visit: SignedInVisit, id: str, form: Form) -> Response:
    found = next((each for each in await visit.support.my_entries() if each.id == id), None)
    if found is None:
        raise HTTPException(404)
    return visit.page("support/entry.html", status=checks.status_of(form), form=form, entry=found)


async def _overview(visit: SignedInVisit) -> Response:
    mine, asked, entries, mentorships = await asyncio.gather(
        part(visit.support.mine()),
        part(visit.support.asked_of_me()),
        part(visit.support.my_entries()),
        part(visit.mentorships.mine()),
    )
    return visit.page(
        "support/overview.html",
        mine=mine.value or (),
        asked=asked.value or (),
        entries=entries.value or (),
        mentorships=[each for each in mentorships.value or () if each.is_mentee],
        down=sorted({each.down for each in (mine, asked, entries, mentorships)} - {""}),
    )


async def _page(visit: SignedInVisit, id: str, form: Form) -> Response:
    """Opening it is recorded where the reader is the person who was chosen."""
    try:
        found = await visit.support.request(id)
    except Refused as refused:
        if refused.code in {"hearer_refused", "support_closed"}:
            return visit.page(
                "problem.html", status=refused.status, kind="refused", code=refused.code, detail=refused.detail
            )
        raise
    is_own = found.mentee == visit.member
    if not is_own and not form.values and found.answer:
        form = Form({"text": [found.answer]})
    return visit.page("support/one.html", status=checks.status_of(form), form=form, support=found, is_own=is_own)

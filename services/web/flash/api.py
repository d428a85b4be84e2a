"""Short conversations: one's own, those that can be booked, and one of them from booking to feedback."""

import asyncio

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.flash import Slot
from services.web.clients.transport import Refused
from services.web.flash.offering import offering_router
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

_RATINGS = ("1", "2", "3", "4", "5")
_GONE = 404


def flash_router() -> APIRouter:
    routes = page_router()

    @routes.get("/flash")
    async def mine(visit: SignedIn) -> Response:
        own, found, programmes = await asyncio.gather(
            part(visit.profiles.me()), part(visit.flash.mine()), part(visit.profiles.programmes())
        )
        slots, now = found.value or (), visit.web.clock.now()
        return visit.page(
            "flash/overview.html",
            to_record=[slot for slot in slots if slot.is_to_record],
            coming=[slot for slot in slots if slot.ends_at > now and slot.state in {"open", "booked"}],
            past=[slot for slot in reversed(slots) if slot.state in {"held", "missed"}],
            enrolments=own.value[0].enrolments if own.value else (),
            programmes=programmes.value or {},
            down=sorted({each.down for each in (own, found, programmes)} - {""}),
        )

    @routes.get("/flash/programmes/{programme}")
    async def open_slots(programme: Id, visit: SignedIn) -> Response:
        slots, programmes = await asyncio.gather(visit.flash.open_slots(programme), part(visit.profiles.programmes()))
        can_be_booked = [slot for slot in slots if "book" in slot.possible]
        return visit.page(
            "flash/open.html", slots=can_be_booked, programme=programme, programmes=programmes.value or {}
        )

    routes.include_router(offering_router())
    _one(routes)
    _book(routes)
    _feedback(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/flash/{slot}")
    async def see(slot: Id, visit: SignedIn) -> Response:
        return await _page(visit, slot, Form(), "one.html")

    @routes.post("/flash/{slot}")
    async def cancel_or_record(slot: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        if command not in {"cancel", "held", "missed"}:
            raise HTTPException(404)
        try:
            if command == "cancel":
                await visit.flash.cancel(slot, idempotency_key=form.idempotency_key)
            else:
                await visit.flash.record(slot, command, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _page(visit, slot, checks.refused_form(visit, form, refused), "one.html")
        return visit.go("/flash" if command == "cancel" else f"/flash/{slot}")


def _book(routes: APIRouter) -> None:
    @routes.get("/flash/{slot}/book")
    async def write(slot: Id, visit: SignedIn) -> Response:
        return await _page(visit, slot, visit.form, "book.html")

    @routes.post("/flash/{slot}/book")
    async def check_or_book(slot: Id, visit: SignedIn, form: Posted) -> Response:
        """First shows what is booked and the question once more; books it with the button on that page."""
        if form.text("step") != "book":
            template = "book.html" if form.text("step") == "change" else "book_check.html"
            return await _page(visit, slot, form, template)
        try:
            await visit.flash.book(slot, form.text("question"), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _not_booked(visit, slot, checks.refused_form(visit, form, refused))
        return visit.go(f"/flash/{slot}")


def _feedback(routes: APIRouter) -> None:
    @routes.get("/flash/{slot}/feedback")
    async def write(slot: Id, visit: SignedIn) -> Response:
        return await _page(visit, slot, visit.form, "feedback.html")

    @routes.post("/flash/{slot}/feedback")
    async def give(slot: Id, visit: SignedIn, form: Posted) -> Response:
        if form.text("useful") not in _RATINGS:
            wrong = form.with_errors({"useful": visit.language.refusal("rating_missing")})
            return await _page(visit, slot, wrong, "feedback.html")
        try:
            await visit.flash.give_feedback(slot, useful=form.number("useful") or 0, text=form.text("text"))
        except Refused as refused:
            return await _page(visit, slot, checks.refused_form(visit, form, refused), "feedback.html")
        return visit.go(f"/flash/{slot}")


async def _not_booked(visit: SignedInVisit, id: str, form: Form) -> Response:
    """A slot that somebody else has booked in the meantime can no longer be read."""
    try:
        return await _page(visit, id, form, "book.html")
    except Refused as refused:
        if refused.status != _GONE:
            raise
        return visit.page("flash/taken.html", status=409, form=form)


async def _page(visit: SignedInVisit, id: str, form: Form, template: str) -> Response:
    slot, programmes = await asyncio.gather(visit.flash.slot(id), part(visit.profiles.programmes()))
    if template == "feedback.html" and not form.values:
        form = _given(slot)
    return visit.page(
        f"flash/{template}",
        status=checks.status_of(form),
        form=form,
        slot=slot,
        programmes=programmes.value or {},
        ratings=_RATINGS,
    )


def _given(slot: Slot) -> Form:
    """The feedback that is being replaced."""
    return Form({"useful": [str(slot.feedback.useful)], "text": [slot.feedback.text]}) if slot.feedback else Form()

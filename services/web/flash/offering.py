"""A mentor offers slots in two steps: a window of time; then a check of the slots that it is divided into."""

from datetime import date

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.flash import windows
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def offering_router() -> APIRouter:
    routes = page_router()

    @routes.get("/flash/programmes/{programme}/offer")
    async def write(programme: Id, visit: SignedIn) -> Response:
        form = visit.form if visit.form.values else windows.empty(zone=str(visit.language.zone))
        return await _page(visit, programme, form)

    @routes.post("/flash/programmes/{programme}/offer")
    async def check_or_offer(programme: Id, visit: SignedIn, form: Posted) -> Response:
        checked = form.with_errors(windows.wrong_fields(form, visit.language))
        if checked.errors or form.text("step") == "change":
            return await _page(visit, programme, checked)
        if form.text("step") != "offer":
            return await _page(visit, programme, form, template="check.html")
        try:
            await visit.flash.offer(programme, windows.body(form), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _page(visit, programme, checks.refused_form(visit, form, refused))
        return visit.go("/flash")

    return routes


async def _page(visit: SignedInVisit, programme: str, form: Form, *, template: str = "offer.html") -> Response:
    programmes = await part(visit.profiles.programmes())
    is_check = template == "check.html"
    return visit.page(
        f"flash/{template}",
        status=checks.status_of(form),
        form=form,
        programme=programme,
        programmes=programmes.value or {},
        minutes=[(minutes, minutes) for minutes in windows.MINUTES],
        day=date.fromisoformat(form.text("day")) if is_check else None,
        times=windows.times(form) if is_check else (),
    )

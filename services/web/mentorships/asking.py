"""A mentee asks for support in two steps: whom, of what kind and what; then a check of who will read it."""

import asyncio

from fastapi import APIRouter, Response

from services.web.clients.support import Choice
from services.web.clients.transport import Refused
from services.web.labels import SUPPORT_KINDS
from services.web.languages import Language
from services.web.mentorships import about
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id


def asking_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships/{mentorship}/support")
    async def write(mentorship: Id, visit: SignedIn) -> Response:
        return await _writing(visit, mentorship, visit.form)

    @routes.post("/mentorships/{mentorship}/support")
    async def check_or_send(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        checked = checks.missing(
            visit, form, hearer="hearer_missing", kind="support_kind_missing", text="support_text_missing"
        )
        if checked.errors or form.text("step") == "change":
            return await _writing(visit, mentorship, checked)
        if form.text("step") != "send":
            return await _writing(visit, mentorship, form, template="check.html")
        try:
            asked = await visit.support.ask(
                mentorship,
                hearer=form.text("hearer"),
                kind=form.text("kind"),
                text=form.text("text"),
                idempotency_key=form.idempotency_key,
            )
        except Refused as refused:
            return await _writing(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/support/{asked.id}")

    return routes


async def _writing(visit: SignedInVisit, id: str, form: Form, *, template: str = "ask.html") -> Response:
    (mentorship, _), choices = await asyncio.gather(about.find(visit, id), visit.support.choices(id))
    chosen = next((choice for choice in choices if choice.id == form.text("hearer")), None)
    if template == "check.html" and chosen is None:
        template, form = "ask.html", form.with_errors({"hearer": visit.language.refusal("hearer_missing")})
    return visit.page(
        f"support/{template}",
        status=checks.status_of(form),
        form=form,
        mentorship=mentorship,
        choices=[(choice.id, _who(choice, visit.language)) for choice in choices],
        chosen=chosen,
        kinds=visit.language.options("support_kind", SUPPORT_KINDS),
    )


def _who(choice: Choice, language: Language) -> str:
    role = language.label("hearer_role", choice.role or "mentor")
    return ", ".join(part for part in (choice.name, role, choice.note) if part)

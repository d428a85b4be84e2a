"""A member's visits to schools: plan one in two steps, change it, tick what is done, say what became of it."""

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused
from services.web.outreach import plans
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def outreach_router() -> APIRouter:
    routes = page_router()

    @routes.get("/visits")
    async def mine(visit: SignedIn) -> Response:
        found = await part(visit.outreach.mine())
        visits = found.value or ()
        return visit.page(
            "outreach/overview.html",
            to_record=[each for each in visits if "hold" in each.possible],
            coming=[each for each in reversed(visits) if each.state == "planned" and "hold" not in each.possible],
            past=[each for each in visits if each.state in {"held", "cancelled"}],
            down=[found.down] if found.down else [],
        )

    _plan(routes)
    _one(routes)
    _change(routes)
    _after(routes)
    return routes


def _plan(routes: APIRouter) -> None:
    @routes.get("/visits/plan")
    async def write(visit: SignedIn) -> Response:
        form = visit.form if visit.form.values else plans.empty(zone=str(visit.language.zone))
        return visit.page("outreach/plan.html", form=form, id="", etag="")

    @routes.post("/visits/plan")
    async def check_or_plan(visit: SignedIn, form: Posted) -> Response:
        """First shows the plan once more; stores it with the button on that page."""
        checked = form.with_errors(plans.wrong_fields(form, visit.language))
        if checked.errors or form.text("step") == "change":
            return _planning(visit, checked)
        if form.text("step") != "plan":
            day = plans.day_of(form)
            return visit.page("outreach/check.html", form=form, day=day, fields=plans.FIELDS)
        try:
            planned = await visit.outreach.plan(plans.body(form), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return _planning(visit, checks.refused_form(visit, form, refused))
        return visit.go(f"/visits/{planned.id}")


def _one(routes: APIRouter) -> None:
    @routes.get("/visits/{id}")
    async def see(id: Id, visit: SignedIn) -> Response:
        return await _page(visit, id, Form(), "one.html")

    @routes.post("/visits/{id}")
    async def tick_or_cancel(id: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            if form.text("command") == "cancel":
                await visit.outreach.cancel(id, etag=form.version, idempotency_key=form.idempotency_key)
            elif form.text("command") == "tick" or form.number("remove") is not None:
                found, _ = await visit.outreach.visit(id)
                await visit.outreach.tick(id, plans.checklist(found, form), etag=form.version)
            else:
                raise HTTPException(404)
        except Refused as refused:
            return await _page(visit, id, checks.refused_form(visit, form, refused), "one.html")
        return visit.go(f"/visits/{id}")


def _change(routes: APIRouter) -> None:
    @routes.get("/visits/{id}/change")
    async def edit(id: Id, visit: SignedIn) -> Response:
        found, etag = await visit.outreach.visit(id)
        form = visit.form if visit.form.values else plans.filled(found, visit.language)
        return visit.page("outreach/plan.html", form=form, id=id, etag=form.version or etag)

    @routes.post("/visits/{id}/change")
    async def change(id: Id, visit: SignedIn, form: Posted) -> Response:
        checked = form.with_errors(plans.wrong_fields(form, visit.language))
        if checked.errors:
            return _planning(visit, checked, id=id)
        try:
            await visit.outreach.change(id, plans.body(form), etag=form.version)
        except Refused as refused:
            return _planning(visit, checks.refused_form(visit, form, refused), id=id)
        return visit.go(f"/visits/{id}")


def _after(routes: APIRouter) -> None:
    @routes.get("/visits/{id}/held")
    async def ask_how_many(id: Id, visit: SignedIn) -> Response:
        return await _page(visit, id, visit.form, "held.html")

    @routes.post("/visits/{id}/held")
    async def hold(id: Id, visit: SignedIn, form: Posted) -> Response:
        pupils = form.number("pupils")
        if pupils is None:
            wrong = form.with_errors({"pupils": visit.language.refusal("number_missing")})
            return await _page(visit, id, wrong, "held.html")
        try:
            await visit.outreach.hold(id, pupils=pupils, note=form.text("note"), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _page(visit, id, checks.refused_form(visit, form, refused), "held.html")
        return visit.go(f"/visits/{id}")

    @routes.get("/visits/{id}/note")
    async def edit_note(id: Id, visit: SignedIn) -> Response:
        return await _page(visit, id, visit.form, "note.html")

    @routes.post("/visits/{id}/note")
    async def write_note(id: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await visit.outreach.write_note(id, form.text("note"), etag=form.version)
        except Refused as refused:
            return await _page(visit, id, checks.refused_form(visit, form, refused), "note.html")
        return visit.go(f"/visits/{id}")


def _planning(visit: SignedInVisit, form: Form, *, id: str = "") -> Response:
    return visit.page("outreach/plan.html", status=checks.status_of(form), form=form, id=id, etag=form.version)


async def _page(visit: SignedInVisit, id: str, form: Form, template: str) -> Response:
    found, etag = await visit.outreach.visit(id)
    if not form.values:
        form = Form({"note": [found.note]}) if template == "note.html" else plans.ticked(found)
    return visit.page(
        f"outreach/{template}",
        status=checks.status_of(form),
        form=form,
        found=found,
        etag=etag,
        boxes=plans.boxes(found, visit.language),
    )

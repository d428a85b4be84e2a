"""The people whom an institution lists to hear its members in confidence. What they are asked, no coordinator sees."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import Member
from services.web.clients.transport import Refused
from services.web.labels import HEARER_ROLES
from services.web.pages import checks
from services.web.pages.forms import Form, form_of, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def hearers_router() -> APIRouter:
    routes = page_router()

    @routes.get("/hearers")
    async def see(visit: SignedIn) -> Response:
        visit.me.require("institution_coordinator")
        return visit.page("coordinator/hearers.html", hearers=await visit.support.hearers())

    @routes.get("/hearers/{hearer}/remove")
    async def check(hearer: Id, visit: SignedIn) -> Response:
        return await _removing(visit, hearer, visit.form)

    @routes.post("/hearers/{hearer}/remove")
    async def remove(hearer: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await visit.support.remove_entry(hearer)
        except Refused as refused:
            return await _removing(visit, hearer, checks.refused_form(visit, form, refused))
        return visit.go("/hearers")

    _add(routes)
    return routes


def _add(routes: APIRouter) -> None:
    @routes.get("/hearers/add")
    async def search(visit: SignedIn) -> Response:
        """Somebody of the own institution by name; of another one by their member id, which "My data" shows them."""
        visit.me.require("institution_coordinator")
        query = visit.request.query_params
        form = form_of([(name, query.get(name, "").strip()) for name in ("name", "member")])
        if form.text("member"):
            return visit.go(f"/hearers/add/{quote(form.text('member'), safe='')}")
        return await _searching(visit, form)

    @routes.get("/hearers/add/{member}")
    async def describe(member: Id, visit: SignedIn) -> Response:
        return await _adding(visit, member, visit.form)

    @routes.post("/hearers/add/{member}")
    async def add(member: Id, visit: SignedIn, form: Posted) -> Response:
        role = form.text("role")
        checked = checks.missing(visit, form, role="hearer_role_missing")
        if checked.errors:
            return await _adding(visit, member, checked)
        try:
            await visit.support.add_hearer(
                member=member, role=role, note=form.text("note"), idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _adding(visit, member, checks.refused_form(visit, form, refused))
        return visit.go("/hearers")


async def _removing(visit: SignedInVisit, id: str, form: Form) -> Response:
    visit.me.require("institution_coordinator")
    found = next((each for each in await visit.support.hearers() if each.id == id), None)
    if found is None:
        raise HTTPException(404)
    return visit.page("coordinator/hearer_remove.html", status=checks.status_of(form), form=form, hearer=found)


async def _searching(visit: SignedInVisit, form: Form) -> Response:
    found: Sequence[Member] = ()
    if form.text("name"):
        try:
            found, _ = await visit.profiles.members(cursor=None, name=form.text("name"), status="active")
        except Refused as refused:
            form = form.with_errors({"name": visit.refusal(refused)})
    return visit.page("coordinator/hearer_search.html", status=checks.status_of(form), form=form, members=found)


async def _adding(visit: SignedInVisit, member: str, form: Form) -> Response:
    visit.me.require("institution_coordinator")
    known = await part(visit.profiles.member(member))
    return visit.page(
        "coordinator/hearer_add.html",
        status=checks.status_of(form),
        form=form,
        member=member,
        name=known.value.name if known.value else "",
        roles=visit.language.options("hearer_role", HEARER_ROLES),
    )

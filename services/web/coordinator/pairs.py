"""A coordinator matches two members of their institution by hand, or ends a pair."""

from collections.abc import Sequence

from fastapi import APIRouter, Response

from services.web.clients.profiles import Member
from services.web.clients.transport import Refused
from services.web.coordinator.programmes import names_in, programme_of
from services.web.labels import CLOSING
from services.web.pages import checks
from services.web.pages.forms import Form, form_of, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id

_SIDES = ("mentee", "mentor")
_FIELDS = tuple(f"{side}{what}" for side in _SIDES for what in ("", "_name"))
"""For each side the member who is chosen, and the name that was searched for."""


def pairs_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes/{programme}/pairs/add")
    async def search(programme: Id, visit: SignedIn) -> Response:
        query = visit.request.query_params
        typed = form_of([(name, query.get(name, "").strip()) for name in _FIELDS])
        return await _adding(visit, programme, visit.form if visit.form.values else typed)

    @routes.post("/programmes/{programme}/pairs/add")
    async def add(programme: Id, visit: SignedIn, form: Posted) -> Response:
        checked = checks.missing(visit, form, mentee="pair_mentee_missing", mentor="pair_mentor_missing")
        if checked.errors:
            return await _adding(visit, programme, checked)
        chosen = {side: form.text(side) for side in _SIDES}
        try:
            await visit.matching.add_pair(programme, **chosen, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _adding(visit, programme, checks.refused_form(visit, form, refused))
        return visit.go(f"/programmes/{programme}/mentorships")

    _end(routes)
    return routes


def _end(routes: APIRouter) -> None:
    @routes.get("/programmes/{programme}/pairs/{pair}/end")
    async def check(programme: Id, pair: Id, visit: SignedIn) -> Response:
        return await _ending(visit, programme, pair, visit.form)

    @routes.post("/programmes/{programme}/pairs/{pair}/end")
    async def end(programme: Id, pair: Id, visit: SignedIn, form: Posted) -> Response:
        reason = form.text("reason")
        if reason not in CLOSING:
            wrong = form.with_errors({"reason": visit.language.refusal("pair_reason_missing")})
            return await _ending(visit, programme, pair, wrong)
        try:
            await visit.matching.end_pair(
                programme, pair, reason=reason, etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _ending(visit, programme, pair, checks.refused_form(visit, form, refused))
        return visit.go(f"/programmes/{programme}/mentorships")


async def _adding(visit: SignedInVisit, id: str, form: Form) -> Response:
    programme = await programme_of(visit, id)
    found = {}
    for side in _SIDES:
        try:
            found[side] = await _found(visit, id, side, form)
        except Refused as refused:
            form = form.with_errors({**form.errors, f"{side}_name": visit.refusal(refused)})
            found[side] = ()
    return visit.page(
        "coordinator/pair_add.html",
        status=checks.status_of(form),
        form=form,
        programme=programme,
        found={side: [(each.id, f"{each.name}, {each.email}") for each in members] for side, members in found.items()},
        can_add=all(found.values()),
    )


async def _found(visit: SignedInVisit, programme: str, side: str, form: Form) -> Sequence[Member]:
    """Who has this name and role, or the member who is chosen already."""
    if name := form.text(f"{side}_name"):
        members, _ = await visit.profiles.members(
            cursor=None, name=name, programme=programme, role=side, status="active"
        )
        return members
    return [await visit.profiles.member(form.text(side))] if form.text(side) else ()


async def _ending(visit: SignedInVisit, programme: str, id: str, form: Form) -> Response:
    found = await programme_of(visit, programme)
    pair, etag = await visit.matching.relationship(id)
    return visit.page(
        "coordinator/pair_end.html",
        status=checks.status_of(form),
        form=form,
        programme=found,
        each=pair,
        etag=etag,
        names=await names_in(visit, programme),
        reasons=visit.language.options("pair_ending", CLOSING),
    )

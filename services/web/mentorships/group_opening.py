"""A mentor opens a group in two steps: whom, and what all agree on; then a check of what the mentees will read."""

from collections.abc import Sequence

from fastapi import APIRouter, Response

from services.web.clients.mentorships import Mentorship
from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit

LEAST = 2


def opening_router() -> APIRouter:
    routes = page_router()

    @routes.get("/groups/open")
    async def write(visit: SignedIn) -> Response:
        return await _page(visit, visit.form)

    @routes.post("/groups/open")
    async def check_or_open(visit: SignedIn, form: Posted) -> Response:
        chosen = _chosen(await _own(visit), form)
        checked = checks.missing(visit, form, terms="group_terms_missing")
        if len(chosen) < LEAST:
            wrong = {"mentorships": visit.language.refusal("group_mentees_missing")}
            checked = checked.with_errors({**checked.errors, **wrong})
        if checked.errors or form.text("step") == "change":
            return await _page(visit, checked)
        if form.text("step") != "open":
            return visit.page("groups/check.html", form=form, chosen=chosen)
        try:
            ids = [mentorship.id for mentorship in chosen]
            group = await visit.groups.open(
                chosen[0].programme, ids, form.text("terms"), idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _page(visit, checks.refused_form(visit, form, refused))
        return visit.go(f"/groups/{group.id}")

    return routes


async def _page(visit: SignedInVisit, form: Form) -> Response:
    own = await _own(visit)
    options = [(mentorship.id, mentorship.mentee.name or mentorship.id) for mentorship in own]
    return visit.page("groups/open.html", status=checks.status_of(form), form=form, options=options, least=LEAST)


async def _own(visit: SignedInVisit) -> Sequence[Mentorship]:
    """Active ones in which the reader is the mentor."""
    found = await visit.mentorships.mine()
    return [mentorship for mentorship in found if not mentorship.is_mentee and mentorship.state == "active"]


def _chosen(own: Sequence[Mentorship], form: Form) -> Sequence[Mentorship]:
    return [mentorship for mentorship in own if form.has("mentorships", mentorship.id)]

"""Members of the institution: search, and invitations with a code to hand over."""

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, form_of, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

_FILTERS = ("name", "programme", "role", "status")


def members_router() -> APIRouter:
    routes = page_router()

    @routes.get("/members")
    async def members(visit: SignedIn) -> Response:
        visit.me.require("coordinator")
        query = visit.request.query_params
        wanted = {name: query.get(name, "").strip() for name in _FILTERS}
        form = form_of(list(wanted.items()))
        programmes = await part(visit.profiles.programmes())
        try:
            found, following = await visit.profiles.members(
                cursor=query.get("after"), **{name: value or None for name, value in wanted.items()}
            )
        except Refused as refused:
            found, following = [], None
            form = form.with_errors({"name": visit.refusal(refused)})
        return visit.page(
            "coordinator/members.html",
            form=form,
            members=found,
            following=following,
            programme_options=[(each.id, each.name) for each in (programmes.value or {}).values()],
            query={name: value for name, value in wanted.items() if value},
        )

    @routes.get("/members/{member}")
    async def see(member: Id, visit: SignedIn) -> Response:
        return await _member(visit, member, Form())

    @routes.post("/members/{member}")
    async def invite(member: Id, visit: SignedIn, form: Posted) -> Response:
        """Shows the code once: it is stored nowhere."""
        try:
            code = await visit.profiles.invite(member, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _member(visit, member, checks.refused_form(visit, form, refused))
        return await _member(visit, member, form, code=code)

    return routes


async def _member(visit: SignedInVisit, id: str, form: Form, *, code: str = "") -> Response:
    visit.me.require("coordinator")
    member = await visit.profiles.member(id)
    address = f"{visit.web.public_address}/invitation?code={code}" if code else ""
    status = 409 if form.problems else 200
    return visit.page("coordinator/member.html", status=status, form=form, member=member, invitation=address)

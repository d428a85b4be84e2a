"""Invites everybody of a programme who has not joined: by mail, or with links in a file; and who has accepted."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import InvitationState, Invited
from services.web.clients.transport import Refused
from services.web.coordinator.programmes import programme_of
from services.web.pages import checks
from services.web.pages.files import csv_file
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id

_COMMANDS = {
    "mail": ("mail", "not_invited"),
    "remind": ("mail", "waiting"),
    "links": ("link", "not_invited"),
    "new-links": ("link", "waiting"),
}
"""By button: the way, and to whom."""
_SHOWN = 500


def invitations_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes/{programme}/invitations")
    async def see(programme: Id, visit: SignedIn) -> Response:
        return await _page(visit, programme, Form())

    @routes.post("/programmes/{programme}/invitations")
    async def invite(programme: Id, visit: SignedIn, form: Posted) -> Response:
        """Links are in the file that this answers with, and stored nowhere."""
        visit.me.require("coordinator")
        if form.text("command") not in _COMMANDS:
            raise HTTPException(404)
        way, to = _COMMANDS[form.text("command")]
        try:
            invited, mailed_lately = await visit.profiles.invite_all(
                programme, way=way, to=to, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _page(visit, programme, checks.refused_form(visit, form, refused))
        if way == "link" and invited:
            return _file(visit, invited)
        return await _page(visit, programme, Form(), count=len(invited), mailed_lately=mailed_lately)

    return routes


def _file(visit: SignedInVisit, invited: Sequence[Invited]) -> Response:
    page = f"{visit.web.public_address}/invitation?code="
    rows = [(each.name, each.email, page + quote(each.code, safe="")) for each in invited]
    return csv_file("invitations", ("name", "email", "link"), rows)


async def _page(
    visit: SignedInVisit, id: str, form: Form, *, count: int | None = None, mailed_lately: int = 0
) -> Response:
    programme = await programme_of(visit, id)
    members = await visit.profiles.invitations_of(id)
    absent = [each for each in members if not each.has_joined]
    now = visit.web.clock.now()
    waiting = [each for each in absent if each.expires_at and each.expires_at > now]
    new = [each for each in absent if each not in waiting]
    return visit.page(
        "coordinator/invitations.html",
        status=checks.status_of(form),
        form=form,
        programme=programme,
        joined=len(members) - len(absent),
        waiting=_earliest_first(waiting),
        new=new,
        shown=_SHOWN,
        count=count,
        mailed_lately=mailed_lately,
    )


def _earliest_first(waiting: Sequence[InvitationState]) -> Sequence[InvitationState]:
    return sorted(waiting, key=lambda each: (each.invited_at is not None, each.invited_at or each.expires_at))

"""The home page: gathers from each service what waits for the person, and says which service does not answer."""

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused
from services.web.pages.forms import Form, page_router
from services.web.pages.readers import seen
from services.web.pages.rendering import STATIC
from services.web.pages.visits import AnyVisit, Part, Posted, SignedIn, SignedInVisit, kept, part, signed_in

_NEWEST = 5


def home_router() -> APIRouter:
    routes = page_router()

    @routes.get("/")
    async def home(visit: AnyVisit) -> Response:
        if not visit.session or not visit.session.tokens:
            return visit.page("home/welcome.html")
        return await _home(await signed_in(visit.request))

    @routes.get("/invitation")
    async def invitation(visit: SignedIn, code: str = "") -> Response:
        form = visit.form if visit.form.values else Form({"code": [code]})
        return visit.page("home/invitation.html", form=form)

    @routes.post("/invitation")
    async def accept(visit: SignedIn, form: Posted) -> Response:
        code = form.text("code").strip()
        if not code:
            wrong = form.with_errors({"code": visit.language.refusal("invitation_empty")})
            return visit.page("home/invitation.html", status=422, form=wrong)
        try:
            profile = await visit.profiles.accept_invitation(code, idempotency_key=form.idempotency_key)
        except Refused as refused:
            wrong = form.with_errors({"code": visit.refusal(refused)})
            return visit.page("home/invitation.html", status=422, form=wrong)
        await seen(visit, profile)
        return visit.go("/profile")

    return routes


def static_router() -> APIRouter:
    routes = page_router()

    @routes.get("/static/{name}")
    async def static(name: str) -> Response:
        path = next((path for path in STATIC.iterdir() if path.name == name), None)
        if path is None:
            raise HTTPException(404)
        return kept(FileResponse(path))

    return routes


async def _home(visit: SignedInVisit) -> Response:
    if "member" not in visit.me.roles:
        programmes = await part(visit.profiles.programmes()) if visit.me.is_coordinator else Part()
        return visit.page("home/staff.html", programmes=programmes)
    own, lists, asks, relationships, mentorships, tasks, inbox = await asyncio.gather(
        part(visit.profiles.me()),
        part(visit.matching.my_suggestions()),
        part(visit.matching.my_requests(side="mentor", state="pending")),
        part(visit.matching.my_relationships()),
        part(visit.mentorships.mine()),
        part(visit.mentorships.tasks()),
        part(visit.notifications.inbox(limit=_NEWEST, unread=True)),
    )
    profile = own.value[0] if own.value else None
    if profile:
        await seen(visit, profile)
    elif not own.down:
        return visit.page("home/unknown.html")
    return visit.page(
        "home/home.html",
        profile=profile,
        lists=lists,
        asks=asks,
        relationships=relationships,
        mentorships=mentorships,
        tasks=tasks,
        inbox=inbox,
        down=sorted({each.down for each in (own, lists, asks, relationships, mentorships, tasks, inbox)} - {""}),
    )

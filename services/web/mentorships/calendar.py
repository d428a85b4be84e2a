"""A person's meetings in their own calendar program: the private address, and what it serves."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.web.clients.meetings import Meetings
from services.web.mentorships.files import passed_on
from services.web.pages.forms import page_router
from services.web.pages.visits import AnyVisit, Posted, SignedIn

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


def calendar_router() -> APIRouter:
    routes = page_router()

    @routes.get("/calendar")
    async def address(visit: SignedIn) -> Response:
        return visit.page("mentorships/calendar.html", since=await visit.meetings.address_since(), address="")

    @routes.post("/calendar")
    async def renew_or_delete(visit: SignedIn, form: Posted) -> Response:
        """A new address is shown once, in the answer: it cannot be read again."""
        if form.text("command") == "delete":
            await visit.meetings.delete_address()
            return visit.go("/calendar")
        path = await visit.meetings.renew_address(idempotency_key=form.idempotency_key)
        address = f"{visit.web.public_address}{path}"
        return visit.page("mentorships/calendar.html", since=await visit.meetings.address_since(), address=address)

    @routes.get("/calendar/{token}.ics")
    async def calendar(token: Token, visit: AnyVisit) -> Response:
        """For calendar programs, which cannot sign in: the address is the secret."""
        return passed_on(await Meetings(visit.web.service("mentorships", "")).calendar(token))

    return routes

"""Guides with steps to tick, which nobody else sees."""

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.pages.forms import number_in, page_router
from services.web.pages.visits import Posted, SignedIn


def guides_router() -> APIRouter:
    routes = page_router()

    @routes.get("/guides")
    async def guides(visit: SignedIn) -> Response:
        return visit.page("mentorships/guides.html", guides=await visit.mentorships.guides())

    @routes.post("/guides")
    async def tick(visit: SignedIn, form: Posted) -> Response:
        """The button's value: what to do, the guide and the number of the step."""
        what, _, place = form.text("step").partition(" ")
        guide, _, text = place.partition(" ")
        step = number_in(text)
        known = {guide.id: len(guide.steps) for guide in await visit.mentorships.guides()}
        if what not in {"tick", "untick"} or step is None or not 1 <= step <= known.get(guide, 0):
            raise HTTPException(404)
        await visit.mentorships.tick(guide, step, is_done=what == "tick")
        return visit.go(f"/guides#{guide}-{step}")

    return routes

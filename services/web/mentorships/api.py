"""A person's mentorings: pause, resume and end."""

import asyncio

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused
from services.web.labels import CLOSING
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def mentorships_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships")
    async def mine(visit: SignedIn) -> Response:
        relationships = await visit.matching.my_relationships()
        cards, programmes = await asyncio.gather(
            part(visit.profiles.cards(each.other_than(visit.member).member for each in relationships)),
            part(visit.profiles.programmes()),
        )
        return visit.page(
            "mentorships/list.html",
            current=[each for each in relationships if each.state != "closed"],
            ended=[each for each in relationships if each.state == "closed"],
            cards=cards.value or {},
            programmes=programmes.value or {},
            down=sorted({cards.down, programmes.down} - {""}),
        )

    @routes.get("/mentorships/{relationship}")
    async def see(relationship: Id, visit: SignedIn) -> Response:
        return await _page(visit, relationship, Form(), "mentorships/mentorship.html")

    @routes.post("/mentorships/{relationship}")
    async def pause_or_resume(relationship: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        if command not in {"pause", "resume"}:
            raise HTTPException(404)
        try:
            await visit.matching.change_relationship(relationship, command, {}, etag=form.version, once=form.once)
        except Refused as refused:
            wrong = form.refused(refused, visit.refusal(refused))
            return await _page(visit, relationship, wrong, "mentorships/mentorship.html")
        return visit.go(f"/mentorships/{relationship}")

    _end(routes)
    return routes


def _end(routes: APIRouter) -> None:
    @routes.get("/mentorships/{relationship}/end")
    async def choose_reason(relationship: Id, visit: SignedIn) -> Response:
        return await _page(visit, relationship, visit.form, "mentorships/end.html")

    @routes.post("/mentorships/{relationship}/end")
    async def end(relationship: Id, visit: SignedIn, form: Posted) -> Response:
        if form.text("reason") not in CLOSING:
            wrong = form.with_errors({"reason": visit.language.refusal("reason_missing", "")})
            return await _page(visit, relationship, wrong, "mentorships/end.html")
        body = {"reason": form.text("reason"), "never_again": form.has("never_again", "yes")}
        try:
            await visit.matching.change_relationship(relationship, "close", body, etag=form.version, once=form.once)
        except Refused as refused:
            wrong = form.refused(refused, visit.refusal(refused))
            return await _page(visit, relationship, wrong, "mentorships/end.html")
        return visit.go(f"/mentorships/{relationship}")


async def _page(visit: SignedInVisit, id: str, form: Form, template: str) -> Response:
    relationship, etag = await visit.matching.relationship(id)
    other = relationship.other_than(visit.member)
    cards, programmes = await asyncio.gather(
        part(visit.profiles.cards([other.member])), part(visit.profiles.programmes())
    )
    return visit.page(
        template,
        status=422 if form.errors or form.problems else 200,
        form=form,
        relationship=relationship,
        etag=etag,
        other=other,
        card=(cards.value or {}).get(other.member),
        programmes=programmes.value or {},
        reasons=visit.language.options("reason", CLOSING),
    )

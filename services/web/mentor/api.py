"""Asks to answer, each with the card of the person who asks."""

import asyncio

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.labels import DECLINING
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def mentor_router() -> APIRouter:
    routes = page_router()

    @routes.get("/asks")
    async def asks(visit: SignedIn) -> Response:
        requests, load = await asyncio.gather(visit.matching.my_requests(side="mentor"), part(visit.matching.my_load()))
        cards, programmes = await asyncio.gather(
            part(visit.profiles.cards(each.mentee.member for each in requests)), part(visit.profiles.programmes())
        )
        return visit.page(
            "mentor/asks.html",
            waiting=[each for each in requests if each.state == "pending"],
            answered=[each for each in requests if each.state != "pending"],
            cards=cards.value or {},
            programmes=programmes.value or {},
            load=load.value,
            down=sorted({cards.down, programmes.down} - {""}),
        )

    @routes.get("/asks/{request}")
    async def see(request: Id, visit: SignedIn) -> Response:
        return await _ask(visit, request, visit.form)

    @routes.post("/asks/{request}")
    async def answer(request: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("answer")
        if command not in {"accept", "decline"}:
            wrong = form.with_errors({"answer": visit.language.refusal("answer_missing")})
            return await _ask(visit, request, wrong)
        body = {"reason": form.text("reason") or "unspecified"} if command == "decline" else {}
        try:
            settled = await visit.matching.settle(
                request, command, body, etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _ask(visit, request, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{settled.relationship}" if settled.relationship else f"/asks/{request}")

    return routes


async def _ask(visit: SignedInVisit, id: str, form: Form) -> Response:
    request, etag = await visit.matching.request(id)
    cards = await part(visit.profiles.cards([request.mentee.member]))
    return visit.page(
        "mentor/ask.html",
        status=422 if form.errors or form.problems else 200,
        form=form,
        request=request,
        etag=etag,
        card=(cards.value or {}).get(request.mentee.member),
        reasons=visit.language.options("reason", DECLINING),
    )

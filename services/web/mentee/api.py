"""Lists with reasons, the request to a mentor in two steps, and the mentee's requests."""

import asyncio

from fastapi import APIRouter, Response

from services.web.clients.matching import Suggestion
from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

MESSAGE_LENGTH = 2_000


def mentee_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentors")
    async def lists(visit: SignedIn) -> Response:
        found = await visit.matching.my_suggestions()
        mentors = [item.mentor for each in found for item in each.items]
        cards, programmes, pending = await asyncio.gather(
            part(visit.profiles.cards(mentors)),
            part(visit.profiles.programmes()),
            part(visit.matching.my_requests(side="mentee", state="pending")),
        )
        return visit.page(
            "mentee/lists.html",
            lists=found,
            cards=cards.value or {},
            programmes=programmes.value or {},
            asked={(each.programme, each.mentor.member): each.id for each in pending.value or ()},
            down=sorted({cards.down, programmes.down, pending.down} - {""}),
        )

    @routes.get("/mentors/{programme}/{mentor}/why-not")
    async def why_not(programme: Id, mentor: Id, visit: SignedIn) -> Response:
        answer, cards = await asyncio.gather(
            visit.matching.why_not(visit.member, mentor, programme), part(visit.profiles.cards([mentor]))
        )
        return visit.page("mentee/why_not.html", answer=answer, card=(cards.value or {}).get(mentor))

    _ask(routes)
    _requests(routes)
    return routes


def _ask(routes: APIRouter) -> None:
    @routes.get("/mentors/{programme}/{mentor}/ask")
    async def write(programme: Id, mentor: Id, visit: SignedIn) -> Response:
        return await _writing(visit, programme, mentor, visit.form)

    @routes.post("/mentors/{programme}/{mentor}/ask")
    async def check_or_send(programme: Id, mentor: Id, visit: SignedIn, form: Posted) -> Response:
        """First shows the message once more; sends it with the button on that page."""
        if len(form.text("message")) > MESSAGE_LENGTH:
            wrong = form.with_errors({"message": visit.language.refusal("message_too_long")})
            return await _writing(visit, programme, mentor, wrong)
        if form.text("step") == "change":
            return await _writing(visit, programme, mentor, form)
        if form.text("step") != "send":
            return await _writing(visit, programme, mentor, form, template="mentee/check.html")
        try:
            request = await visit.matching.ask(
                visit.member,
                programme=programme,
                mentor=mentor,
                message=form.text("message"),
                idempotency_key=form.idempotency_key,
            )
        except Refused as refused:
            return await _writing(visit, programme, mentor, checks.refused_form(visit, form, refused))
        return visit.go(f"/requests/{request.id}")


def _requests(routes: APIRouter) -> None:
    @routes.get("/requests")
    async def mine(visit: SignedIn) -> Response:
        requests = await visit.matching.my_requests(side="mentee")
        cards, programmes = await asyncio.gather(
            part(visit.profiles.cards(each.mentor.member for each in requests)), part(visit.profiles.programmes())
        )
        return visit.page(
            "mentee/requests.html",
            requests=requests,
            cards=cards.value or {},
            programmes=programmes.value or {},
            down=sorted({cards.down, programmes.down} - {""}),
        )

    @routes.get("/requests/{request}")
    async def see(request: Id, visit: SignedIn) -> Response:
        return await _request(visit, request, Form())

    @routes.post("/requests/{request}")
    async def withdraw(request: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await visit.matching.settle(
                request, "withdraw", {}, etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _request(visit, request, checks.refused_form(visit, form, refused))
        return visit.go(f"/requests/{request}")


async def _writing(
    visit: SignedInVisit, programme: str, mentor: str, form: Form, *, template: str = "mentee/ask.html"
) -> Response:
    suggestion, cards = await asyncio.gather(
        _suggestion(visit, programme, mentor), part(visit.profiles.cards([mentor]))
    )
    card = (cards.value or {}).get(mentor)
    values = {"form": form, "suggestion": suggestion, "card": card, "most": MESSAGE_LENGTH}
    return visit.page(template, status=422 if form.errors or form.problems else 200, **values)


async def _suggestion(visit: SignedInVisit, programme: str, mentor: str) -> Suggestion | None:
    """None where the mentor is not on the list any more: the service decides whether they can still be asked."""
    lists = await visit.matching.my_suggestions()
    return next((each.find(mentor) for each in lists if each.programme == programme), None)


async def _request(visit: SignedInVisit, id: str, form: Form) -> Response:
    request, etag = await visit.matching.request(id)
    cards = await part(visit.profiles.cards([request.mentor.member]))
    card = (cards.value or {}).get(request.mentor.member)
    status = 409 if form.problems else 200
    return visit.page("mentee/request.html", status=status, form=form, request=request, etag=etag, card=card)

"""Check-ins: each of the two answers five statements; who reads the answer is said before it is given."""

import asyncio

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.mentorships import CheckIns
from services.web.clients.transport import Refused
from services.web.mentorships import about
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

RATINGS = ("1", "2", "3", "4", "5")


def check_ins_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships/{mentorship}/check-ins")
    async def check_ins(mentorship: Id, visit: SignedIn) -> Response:
        (found, _), known = await asyncio.gather(
            about.find(visit, mentorship), part(visit.mentorships.check_ins(mentorship))
        )
        return about.page(
            visit, "check_ins.html", found, check_ins=known.value, down=[known.down] if known.down else []
        )

    @routes.get("/mentorships/{mentorship}/check-ins/{period}")
    async def ask(mentorship: Id, period: Id, visit: SignedIn) -> Response:
        return await _asking(visit, mentorship, period, visit.form)

    @routes.post("/mentorships/{mentorship}/check-ins/{period}")
    async def answer(mentorship: Id, period: Id, visit: SignedIn, form: Posted) -> Response:
        known = await visit.mentorships.check_ins(mentorship)
        ratings = [form.text(statement) for statement in known.statements]
        codes = dict.fromkeys(known.statements, "rating_missing")
        checked = checks.missing(visit, form, **codes)
        if checked.errors or not set(ratings) <= set(RATINGS):
            return await _asking(visit, mentorship, period, checked)
        body = {
            "ratings": [int(rating) for rating in ratings],
            "comment": form.text("comment"),
            "joint": form.has("joint", "yes"),
        }
        try:
            await visit.mentorships.answer_check_in(mentorship, period, body)
        except Refused as refused:
            return await _asking(visit, mentorship, period, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/check-ins")

    return routes


async def _asking(visit: SignedInVisit, id: str, period: str, form: Form) -> Response:
    (mentorship, _), known = await asyncio.gather(about.find(visit, id), visit.mentorships.check_ins(id))
    check_in = next((each for each in known.items if each.period == period), None)
    if check_in is None:
        raise HTTPException(404)
    return about.page(
        visit,
        "check_in.html",
        mentorship,
        form if form.values else _answered(known, period),
        statements=known.statements,
        check_in=check_in,
        ratings=RATINGS,
    )


def _answered(known: CheckIns, period: str) -> Form:
    """The answer that is being corrected."""
    own = next((each.own for each in known.items if each.period == period), None)
    if own is None:
        return Form()
    ratings = {statement: [str(rating)] for statement, rating in zip(known.statements, own.ratings, strict=True)}
    return Form({**ratings, "comment": [own.comment], "joint": ["yes"] if own.joint else []})

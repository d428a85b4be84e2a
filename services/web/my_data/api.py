"""Who sees what, a copy of everything that the services hold, erasure with a check before it counts, and a move to
another institution.
"""

import asyncio
import json
from collections.abc import Sequence

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.matching import MoveCode, MoveOutcome
from services.web.clients.transport import Json, Refused
from services.web.my_data.audiences import audiences
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part

_SERVICES = ("profiles", "matching", "mentorships", "notifications")
"""Each exports its part."""
_ALL = "all"


def my_data_router() -> APIRouter:
    routes = page_router()

    @routes.get("/my-data")
    async def overview(visit: SignedIn) -> Response:
        own, erasure = await asyncio.gather(part(visit.profiles.me()), part(visit.profiles.erasure()))
        return visit.page(
            "my_data/overview.html",
            audiences=audiences(own.value[0]) if own.value else (),
            erasure=erasure.value,
            services=_SERVICES,
            down=sorted({own.down, erasure.down} - {""}),
        )

    @routes.get("/my-data/export/{name}")
    async def export(name: str, visit: SignedIn) -> Response:
        """One service's part, or all of them; of all of them none is left out because its service is down."""
        if name not in {*_SERVICES, _ALL}:
            raise HTTPException(404)
        found: Json = await (_all_parts(visit) if name == _ALL else _part_of(visit, name))
        text = json.dumps(found, ensure_ascii=False, indent=2)
        headers = {"content-disposition": f'attachment; filename="preceptor-{name}.json"'}
        return Response(text, media_type="application/json", headers=headers)

    _erasure(routes)
    _move(routes)
    return routes


def _erasure(routes: APIRouter) -> None:
    @routes.get("/my-data/erasure")
    async def see(visit: SignedIn) -> Response:
        return await _erasing(visit, Form())

    @routes.post("/my-data/erasure")
    async def ask_or_withdraw(visit: SignedIn, form: Posted) -> Response:
        """First shows a page that asks once more; only its form, with the box ticked, requests the erasure."""
        step = form.text("step")
        if step == "check":
            return visit.page("my_data/check.html", form=Form())
        if step == "ask" and not form.has("sure", "yes"):
            wrong = form.with_errors({"sure": visit.language.refusal("sure_missing")})
            return visit.page("my_data/check.html", status=422, form=wrong)
        if step not in {"ask", "withdraw"}:
            raise HTTPException(404)
        try:
            if step == "ask":
                await visit.profiles.ask_for_erasure()
            else:
                await visit.profiles.withdraw_erasure(idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _erasing(visit, checks.refused_form(visit, form, refused))
        return visit.go("/my-data/erasure")


def _move(routes: APIRouter) -> None:
    @routes.get("/my-data/move")
    async def see_move(visit: SignedIn) -> Response:
        return _moving(visit, Form())

    @routes.post("/my-data/move")
    async def leave_or_arrive(visit: SignedIn, form: Posted) -> Response:
        """Answers with the page itself: a code is shown once."""
        step = form.text("step")
        if step not in {"leave", "arrive"}:
            raise HTTPException(404)
        wrong = checks.missing(visit, form, code="move_code_empty") if step == "arrive" else form
        if wrong.errors:
            return _moving(visit, wrong)
        key = form.idempotency_key
        try:
            if step == "leave":
                return _moving(visit, Form(), code=await visit.matching.move_code(idempotency_key=key))
            outcomes = await visit.matching.enter_move_code(form.text("code"), idempotency_key=key)
            return _moving(visit, Form(), outcomes=outcomes)
        except Refused as refused:
            return _moving(visit, checks.refused_form(visit, form, refused))


def _moving(
    visit: SignedInVisit, form: Form, *, code: MoveCode | None = None, outcomes: Sequence[MoveOutcome] | None = None
) -> Response:
    return visit.page("my_data/move.html", status=checks.status_of(form), form=form, code=code, outcomes=outcomes)


async def _erasing(visit: SignedInVisit, form: Form) -> Response:
    try:
        waiting = await visit.profiles.erasure()
    except Refused as refused:
        if refused.code != "erasure_not_found":
            raise
        waiting = None
    return visit.page("my_data/erasure.html", status=409 if form.problems else 200, form=form, erasure=waiting)


async def _part_of(visit: SignedInVisit, name: str) -> Json:
    return (await visit.web.service(name, visit.token).get("/me/export")).body


async def _all_parts(visit: SignedInVisit) -> Json:
    return dict(zip(_SERVICES, await asyncio.gather(*(_part_of(visit, name) for name in _SERVICES)), strict=True))

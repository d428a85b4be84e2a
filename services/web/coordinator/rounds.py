"""A round from opening to publication: both targets side by side, then publish or drop."""

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused
from services.web.coordinator.programmes import names_in, programme_of
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id

_TARGETS = ("fit", "coverage")
_PLACES = 500
_COMMANDS = ("target", "publish", "drop")


def rounds_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes/{programme}/rounds")
    async def rounds(programme: Id, visit: SignedIn) -> Response:
        return await _rounds(visit, programme, Form({"target": ["fit"]}))

    @routes.post("/programmes/{programme}/rounds")
    async def begin(programme: Id, visit: SignedIn, form: Posted) -> Response:
        target = form.text("target")
        if target not in _TARGETS:
            wrong = form.with_errors({"target": visit.language.refusal("target_missing")})
            return await _rounds(visit, programme, wrong)
        try:
            opened = await visit.matching.open_round(programme, target=target, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _rounds(visit, programme, checks.refused_form(visit, form, refused))
        return visit.go(f"/rounds/{opened.id}")

    _one(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/rounds/{round}")
    async def see(round: Id, visit: SignedIn) -> Response:
        return await _round(visit, round, Form())

    @routes.post("/rounds/{round}")
    async def decide(round: Id, visit: SignedIn, form: Posted) -> Response:
        """A publication is confirmed once more: everybody is notified, and it cannot be taken back."""
        command = form.text("command")
        if command not in _COMMANDS:
            raise HTTPException(404)
        if command == "publish" and not form.text("sure"):
            return await _round(visit, round, form, template="coordinator/publish.html")
        body = {"target": form.text("target")} if command == "target" else None
        try:
            await visit.matching.decide_round(
                round, command, body, etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _round(visit, round, checks.refused_form(visit, form, refused))
        return visit.go(f"/rounds/{round}")


async def _rounds(visit: SignedInVisit, programme: str, form: Form) -> Response:
    found = await programme_of(visit, programme)
    known = await visit.matching.rounds_of(programme)
    status = 422 if form.errors or form.problems else 200
    targets = visit.language.options("target", _TARGETS)
    values = {"form": form, "programme": found, "rounds": known, "targets": targets}
    return visit.page("coordinator/rounds.html", status=status, **values)


async def _round(visit: SignedInVisit, id: str, form: Form, *, template: str = "coordinator/round.html") -> Response:
    visit.me.require("coordinator")
    found, etag = await visit.matching.round(id)
    places = await visit.matching.places(id, most=_PLACES) if found.figures else ()
    return visit.page(
        template,
        status=409 if form.problems else 200,
        form=form,
        round=found,
        etag=etag,
        places=places,
        names=await names_in(visit, found.programme) if places else {},
        others=[target for target in _TARGETS if target != found.target],
    )

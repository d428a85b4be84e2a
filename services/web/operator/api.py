"""What is running, what waits, the issuers that are trusted, and parked records with retry and drop."""

import asyncio
from typing import Literal, get_args

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

Name = Literal["profiles", "matching", "mentorships", "notifications"]
_SERVICES: tuple[Name, ...] = get_args(Name)


def operator_router() -> APIRouter:
    routes = page_router()

    @routes.get("/operations")
    async def overview(visit: SignedIn) -> Response:
        visit.me.require("operator")
        found = await asyncio.gather(*(part(visit.operations(name).overview()) for name in _SERVICES))
        overviews = [each.value for each in found if each.value]
        return visit.page(
            "operator/overview.html",
            services=overviews,
            issuers={issuer.issuer: issuer for each in overviews for issuer in each.issuers},
            down=[each.down for each in found if each.down],
        )

    @routes.get("/operations/{service}")
    async def parked(service: Name, visit: SignedIn) -> Response:
        visit.me.require("operator")
        records = await visit.operations(service).parked()
        return visit.page("operator/parked.html", service=service, records=records)

    _one(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/operations/{service}/{record}")
    async def see(service: Name, record: Id, visit: SignedIn) -> Response:
        return await _record(visit, service, record, visit.form)

    @routes.post("/operations/{service}/{record}")
    async def retry_or_drop(service: Name, record: Id, visit: SignedIn, form: Posted) -> Response:
        visit.me.require("operator")
        command = form.text("command")
        if command == "drop":
            form = checks.missing(visit, form, reason="drop_reason_missing")
        if form.errors:
            return await _record(visit, service, record, form)
        try:
            if command == "retry":
                await visit.operations(service).retry(record)
            elif command == "drop":
                await visit.operations(service).drop(record, reason=form.text("reason").strip())
            else:
                raise HTTPException(404)
        except Refused as refused:
            return await _record(visit, service, record, checks.refused_form(visit, form, refused))
        return visit.go(f"/operations/{service}")


async def _record(visit: SignedInVisit, service: Name, id: str, form: Form) -> Response:
    visit.me.require("operator")
    found = next((each for each in await visit.operations(service).parked() if each.id == id), None)
    if found is None:
        raise HTTPException(404)
    status = checks.status_of(form)
    return visit.page("operator/record.html", status=status, form=form, service=service, record=found)

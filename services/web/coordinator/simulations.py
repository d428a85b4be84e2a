"""Other weights and limits of a programme: tried on its people first, and applied to the programme afterwards.

matching compares; profiles keeps the programme. What is applied is exactly what was compared, or nothing.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import Programme
from services.web.clients.transport import Refused
from services.web.coordinator.programmes import programme_of
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from services.web.pages.weights import FACTORS, MOST_WEIGHT, WRONG_NUMBER
from shared.contracts.payload import Id

WEIGHED = tuple(factor for factor in FACTORS if factor != "identity")
LIMITS: Mapping[str, tuple[int, int]] = {"list_length": (1, 10), "minimum_score": (0, 100)}
"""By limit: the least and the most."""


def simulations_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes/{programme}/rules")
    async def edit(programme: Id, visit: SignedIn) -> Response:
        return await _editing(visit, programme, visit.form)

    @routes.post("/programmes/{programme}/rules")
    async def begin(programme: Id, visit: SignedIn, form: Posted) -> Response:
        draft, errors = draft_of(form, visit)
        if errors:
            return await _editing(visit, programme, form.with_errors(errors))
        try:
            begun = await visit.simulations.begin(programme, draft, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _editing(visit, programme, checks.refused_form(visit, form, refused))
        return visit.go(f"/programmes/{programme}/rules/{begun.id}")

    _one(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/programmes/{programme}/rules/{simulation}")
    async def see(programme: Id, simulation: Id, visit: SignedIn) -> Response:
        return await _result(visit, programme, simulation, visit.form)

    @routes.post("/programmes/{programme}/rules/{simulation}")
    async def apply_or_drop(programme: Id, simulation: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        try:
            if command == "apply":
                await _apply(visit, programme, simulation)
            elif command == "drop":
                await visit.simulations.drop(simulation, etag=form.version, idempotency_key=form.idempotency_key)
            else:
                raise HTTPException(404)
        except Refused as refused:
            return await _result(visit, programme, simulation, checks.refused_form(visit, form, refused))
        return visit.go(f"/programmes/{programme}/rules")


async def _apply(visit: SignedInVisit, programme: str, id: str) -> None:
    found, _ = await visit.simulations.simulation(id)
    if found.programme != programme or not found.result or found.state != "ready":
        raise HTTPException(404)
    change = found.result.change
    await visit.profiles.change_programme(programme, change.body.model_dump(), etag=change.if_match)


async def _editing(visit: SignedInVisit, programme: str, form: Form) -> Response:
    found, known = await asyncio.gather(programme_of(visit, programme), visit.simulations.of_programme(programme))
    if found.institution != visit.me.institution:
        raise HTTPException(404)
    return visit.page(
        "coordinator/rules.html",
        status=checks.status_of(form),
        form=form if form.values else _filled(found),
        programme=found,
        factors=WEIGHED,
        limits=LIMITS,
        simulations=known,
    )


async def _result(visit: SignedInVisit, programme: str, id: str, form: Form) -> Response:
    found, (simulation, etag) = await asyncio.gather(programme_of(visit, programme), visit.simulations.simulation(id))
    return visit.page(
        "coordinator/simulation.html",
        status=checks.status_of(form),
        form=form,
        programme=found,
        simulation=simulation,
        etag=etag,
        changes=list(_changes(simulation.result.rules)) if simulation.result else (),
    )


def _filled(programme: Programme) -> Form:
    limits = {name: [str(getattr(programme.limits, name))] for name in LIMITS}
    return Form({factor: [str(weight)] for factor, weight in programme.weights.items()} | limits)


def draft_of(form: Form, visit: SignedInVisit) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """What matching compares with today's rules, and the errors by field."""
    bounds = {**dict.fromkeys(WEIGHED, (0, MOST_WEIGHT)), **LIMITS}
    numbers = {name: form.number(name) for name in bounds}
    errors = {
        name: visit.language.text(WRONG_NUMBER).format(least=least, most=most)
        for name, (least, most) in bounds.items()
        if (number := numbers[name]) is None or not least <= number <= most
    }
    weights = {factor: numbers[factor] for factor in WEIGHED}
    return {"weights": weights, "limits": {name: numbers[name] for name in LIMITS}}, errors


def _changes(rules: Mapping[str, Any]) -> Any:
    """Of each weight and limit that differs: its kind, its name, today's value and the draft's."""
    today, draft = rules["today"], rules["draft"]
    for factor, weight in draft.weights.items():
        if weight != today.weights.get(factor):
            yield "factor", factor, today.weights.get(factor), weight
    for name in LIMITS:
        before, after = getattr(today.limits, name), getattr(draft.limits, name)
        if before != after:
            yield "limit", name, before, after

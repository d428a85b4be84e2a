"""A programme at a glance: who waits and why, requests, mentorings and rounds."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import Programme
from services.web.pages.forms import page_router
from services.web.pages.visits import SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def programmes_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes")
    async def programmes(visit: SignedIn) -> Response:
        visit.me.require("coordinator")
        return visit.page("coordinator/programmes.html", programmes=(await visit.profiles.programmes()).values())

    @routes.get("/programmes/{programme}")
    async def overview(programme: Id, visit: SignedIn) -> Response:
        found, unmatched, requests, relationships, rounds = await asyncio.gather(
            programme_of(visit, programme),
            part(visit.matching.unmatched_in(programme)),
            part(visit.matching.requests_of(programme, state="pending")),
            part(visit.matching.relationships_of(programme)),
            part(visit.matching.rounds_of(programme)),
        )
        states = Counter(each.state for each in relationships.value or ())
        return visit.page(
            "coordinator/programme.html",
            programme=found,
            unmatched=unmatched.value,
            reasons=Counter(reason.code for _, reason in unmatched.value or ()).most_common(),
            requests=requests.value,
            oldest=min((each.asked_at for each in requests.value or ()), default=None),
            relationships=relationships.value,
            states=states,
            rounds=rounds.value,
            down=sorted({each.down for each in (unmatched, requests, relationships, rounds)} - {""}),
        )

    @routes.get("/programmes/{programme}/requests")
    async def requests(programme: Id, visit: SignedIn) -> Response:
        found, pairs, names = await asyncio.gather(
            programme_of(visit, programme), visit.matching.requests_of(programme), names_in(visit, programme)
        )
        return visit.page("coordinator/requests.html", programme=found, pairs=pairs, names=names)

    @routes.get("/programmes/{programme}/mentorships")
    async def relationships(programme: Id, visit: SignedIn) -> Response:
        found, pairs, names = await asyncio.gather(
            programme_of(visit, programme), visit.matching.relationships_of(programme), names_in(visit, programme)
        )
        return visit.page("coordinator/mentorships.html", programme=found, pairs=pairs, names=names)

    @routes.get("/programmes/{programme}/waiting")
    async def waiting(programme: Id, visit: SignedIn) -> Response:
        found, unmatched, names = await asyncio.gather(
            programme_of(visit, programme), visit.matching.unmatched_in(programme), names_in(visit, programme)
        )
        return visit.page("coordinator/waiting.html", programme=found, unmatched=unmatched, names=names)

    return routes


async def programme_of(visit: SignedInVisit, id: str) -> Programme:
    visit.me.require("coordinator")
    programme = (await visit.profiles.programmes()).get(id)
    if programme is None:
        raise HTTPException(404)
    return programme


async def names_in(visit: SignedInVisit, programme: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (await part(visit.profiles.names_in(programme))).value or {}
    return found

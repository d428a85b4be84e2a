"""A programme at a glance, by five questions: who has joined, who is matched, where mentorships are, how it goes, and
what needs the coordinator today.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import Programme
from services.web.coordinator import figures
from services.web.pages.forms import page_router
from services.web.pages.visits import SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

_COUNTED = 5_000
"""How many of each kind the numbers of a programme are counted from."""


def programmes_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes")
    async def programmes(visit: SignedIn) -> Response:
        visit.me.require("coordinator")
        return visit.page("coordinator/programmes.html", programmes=(await visit.profiles.programmes()).values())

    @routes.get("/programmes/{programme}")
    async def overview(programme: Id, visit: SignedIn) -> Response:
        return await _overview(visit, programme)

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

    _people(routes)
    return routes


def _people(routes: APIRouter) -> None:
    @routes.get("/programmes/{programme}/courses")
    async def courses(programme: Id, visit: SignedIn) -> Response:
        """Open mentorships, those that need a word first."""
        found, all_courses, names = await asyncio.gather(
            programme_of(visit, programme), visit.courses.of_programme(programme), names_in(visit, programme)
        )
        current = sorted(
            (each for each in all_courses if each.state != "ended"),
            key=lambda each: (not each.asked_to_go_on, each.last_met_at or each.began_at),
        )
        return visit.page("coordinator/courses.html", programme=found, courses=current, names=names)

    @routes.get("/programmes/{programme}/reports")
    async def reports(programme: Id, visit: SignedIn) -> Response:
        found, reported, courses, names = await asyncio.gather(
            programme_of(visit, programme),
            visit.courses.reports(programme),
            part(visit.courses.of_programme(programme)),
            names_in(visit, programme),
        )
        pairs = {each.id: each for each in courses.value or ()}
        return visit.page("coordinator/reports.html", programme=found, reports=reported, pairs=pairs, names=names)


async def _overview(visit: SignedInVisit, programme: str) -> Response:
    found = await programme_of(visit, programme)
    parts = await asyncio.gather(
        *(
            part(visit.profiles.members_in(programme)),
            part(visit.matching.unmatched_in(programme, most=_COUNTED)),
            part(visit.matching.requests_of(programme, state="pending", most=_COUNTED)),
            part(visit.matching.relationships_of(programme, most=_COUNTED)),
            part(visit.matching.rounds_of(programme)),
            part(visit.courses.numbers(programme)),
            part(visit.courses.of_programme(programme)),
            part(visit.courses.means(programme)),
            part(visit.courses.reports(programme)),
        )
    )
    members, unmatched, requests, relationships, rounds, numbers, courses, means, reports = parts
    today = figures.Today(
        relationships=relationships.value,
        numbers=numbers.value,
        rounds=rounds.value,
        reports=len(reports.value) if reports.value else None,
        members=members.value,
        unmatched=len(unmatched.value) if unmatched.value else None,
    )
    can_match = None not in (members.value, relationships.value, requests.value, unmatched.value)
    mentees = [member.id for member in figures.in_role(members.value or (), programme, "mentee")]
    return visit.page(
        "coordinator/programme.html",
        programme=found,
        to_do=list(figures.to_do(today)),
        joined=figures.joined(members.value or (), programme),
        absent=len(figures.not_joined(members.value or ())),
        matched=figures.matched(mentees, relationships.value, requests.value, [mentee for mentee, _ in unmatched.value])
        if can_match
        else (),
        reasons=Counter(reason.code for _, reason in unmatched.value or ()).most_common(),
        numbers=numbers.value,
        steps=figures.steps(numbers.value) if numbers.value else (),
        states=figures.states(courses.value or ()),
        means={side: figures.table_of(means.value or (), side) for side in ("mentee", "mentor")},
        periods=figures.PERIODS,
        rounds=rounds.value,
        down=sorted({each.down for each in parts} - {""}),
    )


async def programme_of(visit: SignedInVisit, id: str) -> Programme:
    visit.me.require("coordinator")
    programme = (await visit.profiles.programmes()).get(id)
    if programme is None:
        raise HTTPException(404)
    return programme


async def names_in(visit: SignedInVisit, programme: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (await part(visit.profiles.names_in(programme))).value or {}
    return found

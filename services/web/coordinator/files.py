"""Files of a programme for its coordinator. Names, addresses and staff numbers are those of their own institution's
members, whom alone profiles shows them; of anybody else the institution.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime

from fastapi import APIRouter, Response

from services.web.clients.matching import Party
from services.web.clients.profiles import Member
from services.web.coordinator.programmes import programme_of
from services.web.pages.files import csv_file
from services.web.pages.forms import page_router
from services.web.pages.visits import SignedIn, SignedInVisit, part
from shared.contracts.payload import Id

_ROWS = 50_000
_AT_ONCE = 10
_PERSON = ("name", "email", "staff_number", "cohort", "institution")
_PAIR = (*(f"mentee_{field}" for field in _PERSON), *(f"mentor_{field}" for field in _PERSON))
Cells = tuple[str, ...]


def files_router() -> APIRouter:
    routes = page_router()

    @routes.get("/programmes/{programme}/mentorships.csv")
    async def pairs(programme: Id, visit: SignedIn) -> Response:
        await programme_of(visit, programme)
        found = await visit.matching.relationships_of(programme, most=_ROWS)
        people = await _people(visit, programme, [party for pair in found for party in (pair.mentee, pair.mentor)])
        rows = [
            (
                *(*_cells(people, pair.mentee), *_cells(people, pair.mentor)),
                *(pair.state, pair.reason or "", _day(visit, pair.since), _day(visit, pair.closed_at)),
                *(pair.programme, pair.id),
            )
            for pair in found
        ]
        return csv_file("pairs", (*_PAIR, "status", "reason", "since", "ended", "programme", "pair"), rows)

    @routes.get("/programmes/{programme}/waiting.csv")
    async def waiting(programme: Id, visit: SignedIn) -> Response:
        await programme_of(visit, programme)
        found = await visit.matching.unmatched_in(programme, most=_ROWS)
        mentees = [Party(member=mentee, institution=visit.me.home) for mentee, _ in found]
        people = await _people(visit, programme, mentees)
        rows = [
            (*_cells(people, mentee), reason.code, visit.language.label("why_waiting", reason.code))
            for mentee, (_, reason) in zip(mentees, found, strict=True)
        ]
        return csv_file("waiting", (*_PERSON, "reason", "explanation"), rows)

    @routes.get("/rounds/{round}/places.csv")
    async def places(round: Id, visit: SignedIn) -> Response:
        visit.me.require("coordinator")
        found, _ = await visit.matching.round(round)
        all_places = await visit.matching.places(round, most=_ROWS)
        parties = [party for place in all_places for party in (place.mentee, place.mentor) if party]
        people = await _people(visit, found.programme, parties)
        rows = [
            (*_cells(people, place.mentee), *_cells(people, place.mentor), place.state, place.reason or "")
            for place in all_places
        ]
        return csv_file("places", (*_PAIR, "status", "reason"), rows)

    return routes


async def _people(visit: SignedInVisit, programme: str, parties: Iterable[Party]) -> Mapping[str, Member]:
    """The own members among them, by id; one by one those who have left the programme."""
    people = await visit.profiles.people_in(programme, most=_ROWS)
    own = dict.fromkeys(party.member for party in parties if party.institution == visit.me.home)
    left = [member for member in own if member not in people]
    for start in range(0, len(left), _AT_ONCE):
        asked = [part(visit.profiles.member(member)) for member in left[start : start + _AT_ONCE]]
        people |= {found.value.id: found.value for found in await asyncio.gather(*asked) if found.value}
    return people


def _cells(people: Mapping[str, Member], party: Party | None) -> Cells:
    if party is None:
        return ("",) * len(_PERSON)
    known = people.get(party.member)
    named = (known.full_name, known.email, known.external_id or "", known.cohort) if known else ("",) * 4
    return (*named, party.institution)


def _day(visit: SignedInVisit, moment: datetime | None) -> str:
    return moment.astimezone(visit.language.zone).date().isoformat() if moment else ""

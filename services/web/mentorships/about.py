"""The mentorship that a page is about, as mentorships answers it, or as matching does where mentorships cannot."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Response
from starlette.exceptions import HTTPException

from services.web.clients.matching import Party, Relationship
from services.web.clients.mentorships import Mentorship, Person
from services.web.clients.transport import Refused, ServiceDown
from services.web.pages import checks
from services.web.pages.forms import Form
from services.web.pages.visits import SignedInVisit, part

_NOT_FOUND = 404
_BEGINS_WITHIN = timedelta(minutes=1)
"""How long after matching mentorships may hear of a new relationship."""
_TRIES, _SECONDS = 30, 0.1
"""How long a page waits for mentorships to follow what somebody did in matching."""
_STATES = {"active": "active", "paused": "paused", "on_hold": "paused", "closed": "ended"}
_POSSIBLE = {"active": ("pause", "close"), "paused": ("resume", "close"), "on_hold": ("close",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MentorshipFacts:
    """What the two services know of a mentorship, and which of them does not answer."""

    mentorship: Mentorship
    etag: str
    """Of the mentorship; empty where mentorships knows nothing of it."""
    relationship_etag: str
    has_conflict: bool
    down: Sequence[str]


async def find(visit: SignedInVisit, id: str) -> tuple[Mentorship, str]:
    """With its ETag. Waits a moment for one that has just begun. Raises `Refused` for an unknown one."""
    for attempt in range(_TRIES):
        try:
            return await visit.mentorships.mentorship(id)
        except Refused as refused:
            if refused.status != _NOT_FOUND or attempt == _TRIES - 1:
                raise
            relationship, _ = await visit.matching.relationship(id)
            if visit.web.clock.now() - relationship.since > _BEGINS_WITHIN:
                raise
        await asyncio.sleep(_SECONDS)
    raise AssertionError  # the last attempt returns or raises


async def known(visit: SignedInVisit, id: str) -> MentorshipFacts:
    """Works while one of the two services answers."""
    found, relationship = await asyncio.gather(part(find(visit, id)), part(visit.matching.relationship(id)))
    down = [each for each in (found.down, relationship.down) if each]
    if found.value:
        mentorship, etag = found.value
    elif relationship.value:
        mentorship, etag = as_matching_knows(relationship.value[0], visit.member), ""
    elif down:
        raise ServiceDown(down[0])
    else:
        raise HTTPException(_NOT_FOUND)
    return MentorshipFacts(
        mentorship=mentorship,
        etag=etag,
        relationship_etag=relationship.value[1] if relationship.value else "",
        has_conflict=bool(relationship.value and relationship.value[0].conflict),
        down=down,
    )


async def followed(visit: SignedInVisit, id: str, *, before: str) -> bool:
    """Waits until the mentorship has left this state. False: it takes longer than a page waits."""
    for _ in range(_TRIES):
        found = await part(visit.mentorships.mentorship(id))
        if not found.value or found.value[0].state != before:
            return bool(found.value)
        await asyncio.sleep(_SECONDS)
    return False


def as_matching_knows(relationship: Relationship, member: str) -> Mentorship:
    """For the time in which mentorships does not answer."""
    return Mentorship(
        id=relationship.id,
        programme=relationship.programme,
        mentee=_person(relationship.mentee),
        mentor=_person(relationship.mentor),
        state=_STATES.get(relationship.state, relationship.state),
        began_at=relationship.since,
        ended_at=relationship.closed_at,
        reason=relationship.reason,
        side="mentee" if relationship.is_mentee(member) else "mentor",
        possible=_POSSIBLE.get(relationship.state, ()),
    )


def page(
    visit: SignedInVisit, template: str, mentorship: Mentorship, form: Form | None = None, **values: Any
) -> Response:
    shown = form if form is not None else visit.form
    return visit.page(
        f"mentorships/{template}", status=checks.status_of(shown), form=shown, mentorship=mentorship, **values
    )


def _person(party: Party) -> Person:
    return Person(member=party.member, institution=party.institution)

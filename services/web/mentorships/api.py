"""A person's mentorships, one of them, and the steps that its state allows."""

import asyncio
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.matching import Relationship
from services.web.clients.mentorships import Mentorship
from services.web.clients.transport import Refused
from services.web.mentorships import about
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id


def mentorships_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships")
    async def mine(visit: SignedIn) -> Response:
        found, relationships, tasks = await asyncio.gather(
            part(visit.mentorships.mine()), part(visit.matching.my_relationships()), part(visit.mentorships.tasks())
        )
        mentorships = _joined(found.value or (), relationships.value or (), visit.member)
        names, programmes = await asyncio.gather(_names(visit, mentorships), part(visit.profiles.programmes()))
        return visit.page(
            "mentorships/list.html",
            current=[each for each in mentorships if each.state != "ended"],
            ended=[each for each in mentorships if each.state == "ended"],
            names=names,
            tasks=tasks.value or {},
            conflicts={each.id for each in relationships.value or () if each.conflict},
            programmes=programmes.value or {},
            down=sorted({found.down, relationships.down, programmes.down} - {""}),
        )

    @routes.get("/mentorships/{mentorship}")
    async def see(mentorship: Id, visit: SignedIn) -> Response:
        return await _page(visit, mentorship, Form())

    @routes.post("/mentorships/{mentorship}")
    async def resume_or_go_on(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await _decide(visit, mentorship, form)
        except Refused as refused:
            return await _page(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}")

    return routes


async def _decide(visit: SignedInVisit, id: str, form: Form) -> None:
    command = form.text("command")
    if command == "go-on":
        await visit.mentorships.decide(id, "go-on", etag=form.version, idempotency_key=form.idempotency_key)
    elif command == "resume":
        await visit.matching.change_relationship(
            id, "resume", {}, etag=form.version, idempotency_key=form.idempotency_key
        )
        await about.followed(visit, id, before=form.text("state"))
    else:
        raise HTTPException(404)


async def _page(visit: SignedInVisit, id: str, form: Form) -> Response:
    known = await about.known(visit, id)
    mentorship = known.mentorship
    tasks, programmes, cards = await asyncio.gather(
        part(visit.mentorships.tasks()),
        part(visit.profiles.programmes()),
        part(visit.profiles.cards([mentorship.other.member])),
    )
    card = (cards.value or {}).get(mentorship.other.member)
    return about.page(
        visit,
        "mentorship.html",
        mentorship,
        form,
        known=known,
        name=(card.name or "") if card else "",
        card=card,
        tasks=(tasks.value or {}).get(id),
        programmes=programmes.value or {},
        down=known.down,
    )


def _joined(mentorships: Sequence[Mentorship], relationships: Sequence[Relationship], member: str) -> list[Mentorship]:
    """With relationships of which mentorships says nothing, because they are new or it does not answer."""
    known = {mentorship.id for mentorship in mentorships}
    others = [about.as_matching_knows(each, member) for each in relationships if each.id not in known]
    return sorted([*mentorships, *others], key=lambda each: each.began_at, reverse=True)


async def _names(visit: SignedInVisit, mentorships: Sequence[Mentorship]) -> Mapping[str, str]:
    """Of the other people, by member; profiles is asked for those whom mentorships does not name."""
    names = {each.other.member: each.other.name for each in mentorships if each.other.name}
    cards = await part(visit.profiles.cards({each.other.member for each in mentorships} - set(names)))
    return names | {id: card.name for id, card in (cards.value or {}).items() if card.name}

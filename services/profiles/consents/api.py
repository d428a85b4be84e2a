"""Requests of other institutions for consent: to admit this one to a programme, to affiliate a member with it."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from services.profiles.consents.usecases import Consents
from services.profiles.members.domain.members import Member
from services.profiles.programmes.domain import Programme
from shared.contracts.payload import Id
from shared.contracts.profiles import Stage
from shared.http import (
    IdempotencyKey,
    Limit,
    Page,
    SignedIn,
    Traced,
    page_of,
    problems,
    router,
    text_after,
)

Answer = Literal["agree", "decline"]
Consent = Literal["asked", "agreed", "declined"]


class AdmissionView(BaseModel):
    programme: str
    institution: str
    """The owner."""
    name: str
    answer: Consent


class AffiliationView(BaseModel):
    """As much of the person as the institution needs to recognize them."""

    member: str
    institution: str
    name: str
    stage: Stage | None
    specialty: str | None
    answer: Consent


def _consent(institution: str, agreed: tuple[str, ...], declined: tuple[str, ...]) -> Consent:
    if institution in agreed:
        return "agreed"
    return "declined" if institution in declined else "asked"


def _admission(programme: Programme, institution: str) -> AdmissionView:
    answer = _consent(institution, programme.agreed, programme.declined)
    return AdmissionView(programme=programme.id, institution=programme.institution, name=programme.name, answer=answer)


def _affiliation(member: Member, institution: str) -> AffiliationView:
    return AffiliationView(
        member=member.id,
        institution=member.institution,
        name=member.name,
        stage=member.stage,
        specialty=member.specialty,
        answer=_consent(institution, member.agreed_affiliations, member.declined_affiliations),
    )


def consents_router(consents: Consents) -> APIRouter:
    routes = router(tags=["consents"])

    @routes.get("/admissions")
    async def admissions(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[AdmissionView]:
        """Other institutions' programmes that name this one. For a coordinator of the institution."""
        found = await consents.admissions(me, after=text_after(cursor), limit=limit)
        programmes = [programme.state for programme in found]
        return page_of(programmes, lambda seen: _admission(seen, me.home), limit=limit, position=lambda seen: seen.id)

    @routes.post("/admissions/{programme}/{answer}", responses=problems(404))
    async def answer_admission(
        programme: Id, answer: Answer, me: SignedIn, trace: Traced, _key: IdempotencyKey = None
    ) -> AdmissionView:
        """The programme is open to the institution's members once it has agreed, and no longer once it declines."""
        answered = await consents.answer_admission(me, programme, agrees=answer == "agree", trace=trace)
        return _admission(answered.state, me.home)

    @routes.get("/affiliations")
    async def affiliations(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[AffiliationView]:
        """Other institutions' members whom these affiliate with this one. For a coordinator of the institution."""
        found = await consents.affiliations(me, after=text_after(cursor), limit=limit)
        members = [member.state for member in found]
        return page_of(members, lambda seen: _affiliation(seen, me.home), limit=limit, position=lambda seen: seen.id)

    @routes.post("/affiliations/{member}/{answer}", responses=problems(404))
    async def answer_affiliation(
        member: Id, answer: Answer, me: SignedIn, trace: Traced, _key: IdempotencyKey = None
    ) -> AffiliationView:
        """After agreement, the member's institution may enrol them in programmes of yours; declining ends this."""
        answered = await consents.answer_affiliation(me, member, agrees=answer == "agree", trace=trace)
        return _affiliation(answered.state, me.home)

    return routes

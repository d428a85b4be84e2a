"""Hours and certificates over HTTP. Everybody reads the keys that verify certificates."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from services.mentorships.certificates.domain import Certificate
from services.mentorships.certificates.signing import Signer
from services.mentorships.certificates.usecases import Certificates
from services.mentorships.kernel.printing import Printing
from shared.contracts.payload import Id
from shared.http import SignedIn, problems, router

Language = Literal["en", "de"]


class MeetingRead(BaseModel):
    starts_at: datetime
    minutes: int = Field(description="As planned")


class HoursRead(BaseModel):
    meetings: Sequence[MeetingRead] = Field(description="Those that were recorded as held, in order")
    minutes: int = Field(description="Of all together")


class CertificateRead(BaseModel):
    id: str
    name: str = Field(description="The mentor's")
    institution: str
    programme: str
    began_on: date
    ended_on: date
    meetings: int
    minutes: int
    signed: str = Field(description="The same as a JSON Web Signature, compact; /certificates/keys verifies it")


class KeysRead(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: Sequence[Mapping[str, Any]]


def certificates_router(certificates: Certificates, signer: Signer) -> APIRouter:
    routes = router(tags=["certificates"])
    printing = Printing("services.mentorships.certificates")

    @routes.get("/mentorships/{mentorship}/hours", responses=problems(404))
    async def see_hours(mentorship: Id, me: SignedIn) -> HoursRead:
        """For the two: when they met, and for how long."""
        found = await certificates.hours(me, mentorship)
        meetings = [MeetingRead(starts_at=met.starts_at, minutes=met.minutes) for met in found.meetings]
        return HoursRead(meetings=meetings, minutes=found.minutes)

    @routes.get("/mentorships/{mentorship}/certificate", responses=problems(403, 404, 409))
    async def see_certificate(mentorship: Id, me: SignedIn, response: Response) -> CertificateRead:
        """For the mentor, after the end, if a meeting was held. It does not name the mentee."""
        response.headers["cache-control"] = "no-store"
        certificate = await certificates.certify(me, mentorship)
        return _read(certificate, signer.sign(certificate))

    @routes.get(
        "/mentorships/{mentorship}/certificate/page", response_class=HTMLResponse, responses=problems(403, 404, 409)
    )
    async def print_certificate(mentorship: Id, me: SignedIn, *, language: Language = "en") -> HTMLResponse:
        """A page to print or to save as PDF, with the signature."""
        certificate = await certificates.certify(me, mentorship)
        signed, keys = signer.sign(certificate), signer.keys_address
        return printing.page(language=language, certificate=certificate, signed=signed, keys=keys)

    @routes.get("/certificates/keys")
    async def see_certificate_keys(response: Response) -> KeysRead:
        """The public keys with which everybody can verify certificates."""
        response.headers["cache-control"] = "public, max-age=3600"
        return KeysRead(**signer.public_keys)

    return routes


def _read(certificate: Certificate, signed: str) -> CertificateRead:
    return CertificateRead(
        id=certificate.id,
        name=certificate.name,
        institution=certificate.institution,
        programme=certificate.programme,
        began_on=certificate.began_at.date(),
        ended_on=certificate.ended_at.date(),
        meetings=certificate.meetings,
        minutes=certificate.minutes,
        signed=signed,
    )

"""The hours of a mentoring, the mentor's certificate of them, and the page on which everybody can check one."""

from collections.abc import Mapping
from typing import Any

import jwt
from fastapi import APIRouter, Response

from services.web.clients.mentorships import Mentorships
from services.web.mentorships import about
from services.web.mentorships.files import passed_on
from services.web.pages import checks
from services.web.pages.forms import Form, form_from, page_router
from services.web.pages.visits import AnyVisit, SignedIn, Visit, part
from shared.contracts.payload import Id

_ALGORITHMS = ("ES256",)
_TYPE = "mentoring-certificate+jwt"


def hours_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships/{mentorship}/hours")
    async def see(mentorship: Id, visit: SignedIn) -> Response:
        found, _ = await about.find(visit, mentorship)
        hours = await visit.mentorships.hours(mentorship)
        can_certify = found.state == "ended" and not found.is_mentee and hours.meetings
        certificate = await part(visit.mentorships.certificate(mentorship)) if can_certify else None
        return about.page(
            visit, "hours.html", found, hours=hours, certificate=certificate.value if certificate else None
        )

    @routes.get("/mentorships/{mentorship}/certificate")
    async def print_certificate(mentorship: Id, visit: SignedIn) -> Response:
        return passed_on(await visit.mentorships.printed_certificate(mentorship, language=visit.language.tag))

    @routes.get("/certificates/check")
    async def ask_for_signature(visit: AnyVisit) -> Response:
        return _checking(visit, Form())

    @routes.post("/certificates/check")
    async def check(visit: AnyVisit) -> Response:
        """Without a sign-in, and without a form's token: it changes nothing and answers from the form alone."""
        form = form_from(await visit.request.form())
        signed = "".join(form.text("signed").split())
        if not signed:
            return _checking(visit, form.with_errors({"signed": visit.language.refusal("signature_missing")}))
        keys = await Mentorships(visit.web.service("mentorships", "")).certificate_keys()
        return _checking(visit, form, is_checked=True, claims=verified(signed, keys))

    return routes


def verified(signed: str, keys: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the certificate says, or None where no key of this network has signed it."""
    try:
        kid = jwt.get_unverified_header(signed).get("kid")
        key = next(key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if key.key_id == kid)
        decoded = jwt.decode_complete(
            signed, key, algorithms=_ALGORITHMS, options={"verify_iat": False, "require": ["jti", "name"]}
        )
    except (jwt.PyJWTError, StopIteration):  # the page says that it is no certificate of this network
        return None
    claims: Mapping[str, Any] = decoded["payload"]
    return claims if decoded["header"].get("typ") == _TYPE else None


def _checking(
    visit: Visit, form: Form, *, is_checked: bool = False, claims: Mapping[str, Any] | None = None
) -> Response:
    status = checks.status_of(form)
    return visit.page("mentorships/certificate_check.html", status=status, form=form, checked=is_checked, claims=claims)

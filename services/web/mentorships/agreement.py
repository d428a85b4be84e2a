"""The agreement: the version in force, the open proposal with what it changes, and what can be done with it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response

from services.web.clients.mentorships import Agreement, Difference, Mentorship, Piece, Version
from services.web.clients.transport import Refused
from services.web.mentorships import about
from services.web.mentorships.files import passed_on
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from services.web.refusals import NOT_ACCEPTED
from shared.contracts.payload import Id

_NUMBER = re.compile(r"[0-9]{1,3}")
CLAUSES = ("goals", "meetings", "confidentiality", "ending", "disputes", "review", "principles")


def agreement_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships/{mentorship}/agreement")
    async def see(mentorship: Id, visit: SignedIn) -> Response:
        return await _page(visit, mentorship, Form())

    @routes.post("/mentorships/{mentorship}/agreement")
    async def draft_or_answer(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        command, number = form.text("command"), form.text("number")
        try:
            if command == "draft":
                await visit.mentorships.draft(
                    mentorship, language=form.text("language"), idempotency_key=form.idempotency_key
                )
            elif command in {"sign", "withdraw"} and _NUMBER.fullmatch(number):
                await visit.mentorships.answer_version(
                    mentorship, number, command, idempotency_key=form.idempotency_key
                )
            else:
                return await _page(visit, mentorship, form.with_errors({}, visit.language.text(NOT_ACCEPTED)))
        except Refused as refused:
            return await _page(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/agreement")

    _propose(routes)
    _versions(routes)
    return routes


def _propose(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/agreement/propose")
    async def write(mentorship: Id, visit: SignedIn) -> Response:
        return await _writing(visit, mentorship, visit.form)

    @routes.post("/mentorships/{mentorship}/agreement/propose")
    async def propose(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        wrong = _checked(visit, form)
        if wrong.errors:
            return await _writing(visit, mentorship, wrong)
        try:
            await visit.mentorships.propose(
                mentorship, _body(form), etag=form.version, idempotency_key=form.idempotency_key
            )
        except Refused as refused:
            return await _writing(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/agreement")


def _versions(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/agreement/versions/{number}")
    async def compare(mentorship: Id, number: int, visit: SignedIn) -> Response:
        """A version, with what it changed."""
        (found, _), versions, version, changed = await asyncio.gather(
            about.find(visit, mentorship),
            visit.mentorships.versions(mentorship),
            visit.mentorships.version(mentorship, number),
            visit.mentorships.difference(mentorship, before=max(number - 1, 1), after=number),
        )
        return about.page(
            visit,
            "version.html",
            found,
            versions=versions,
            version=version,
            changed=changed,
            pieces=_marked(changed),
            clauses=CLAUSES,
        )

    @routes.get("/mentorships/{mentorship}/agreement/versions/{number}/print")
    async def printed(mentorship: Id, number: int, visit: SignedIn) -> Response:
        return passed_on(await visit.mentorships.printed(mentorship, number, language=visit.language.tag))


async def _page(visit: SignedInVisit, id: str, form: Form) -> Response:
    (mentorship, _), (agreement, etag) = await asyncio.gather(about.find(visit, id), visit.mentorships.agreement(id))
    changed, template, versions = await asyncio.gather(
        _changed(visit, id, agreement),
        part(visit.mentorships.template(mentorship.programme)) if agreement.state == "none" else _nothing(),
        visit.mentorships.versions(id) if agreement.state != "none" else _nothing(),
    )
    return about.page(
        visit,
        "agreement.html",
        mentorship,
        form if form.values else Form({"language": [visit.language.tag]}),
        agreement=agreement,
        etag=etag,
        changed=changed,
        pieces=_marked(changed),
        clauses=CLAUSES,
        programme_text=template.value if template else None,
        versions=versions or (),
    )


async def _nothing() -> None:
    return None


async def _changed(visit: SignedInVisit, id: str, agreement: Agreement) -> Difference | None:
    """What an open proposal changes: of the version in force, or of the version before."""
    proposal = agreement.proposal
    if proposal is None or proposal.number == 1:
        return None
    before = agreement.in_force.number if agreement.in_force else proposal.number - 1
    return await visit.mentorships.difference(id, before=before, after=proposal.number)


def _marked(changed: Difference | None) -> Mapping[str, Sequence[Piece]]:
    """By clause that differs."""
    return {each.clause: each.pieces for each in changed.clauses} if changed else {}


async def _writing(visit: SignedInVisit, id: str, form: Form) -> Response:
    (mentorship, _), (agreement, etag) = await asyncio.gather(about.find(visit, id), visit.mentorships.agreement(id))
    newest = agreement.newest
    if newest is None:
        return visit.go(f"/mentorships/{id}/agreement")
    filled = form if form.values else _filled(newest)
    return about.page(
        visit,
        "propose.html",
        mentorship,
        filled,
        etag=etag,
        clauses=_own_clauses(mentorship),
        extends=agreement.in_force is not None,
        newest=newest,
    )


def _own_clauses(mentorship: Mentorship) -> Sequence[str]:
    """The principles are the mentor's own."""
    return CLAUSES[:-1] if mentorship.is_mentee else CLAUSES


def _filled(version: Version) -> Form:
    terms = version.terms
    values = {name: [version.clauses.get(name, "")] for name in CLAUSES}
    return Form(
        {
            **values,
            "interval_days": [str(terms.interval_days)],
            "length_months": [str(terms.length_months)],
            "review_on": [terms.review_on.isoformat()],
        }
    )


def _checked(visit: SignedInVisit, form: Form) -> Form:
    wrong = {
        name: visit.language.refusal("number_missing")
        for name in ("interval_days", "length_months")
        if form.number(name) is None
    }
    return checks.missing(visit, form.with_errors(wrong), review_on="date_missing")


def _body(form: Form) -> Mapping[str, Any]:
    terms = {
        "interval_days": form.number("interval_days"),
        "length_months": form.number("length_months"),
        "review_on": form.text("review_on"),
        "starts_again": form.has("starts_again", "yes"),
    }
    return {"clauses": {name: form.text(name) for name in CLAUSES if name in form.values}, "terms": terms}

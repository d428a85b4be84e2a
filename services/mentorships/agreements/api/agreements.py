"""Agreements over HTTP: the two people of a mentorship draft, change and sign theirs."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.mentorships.agreements.api.models import AgreementRead, Drafting, ProposalBody, agreement_read
from services.mentorships.agreements.domain.agreements import Change
from services.mentorships.agreements.domain.states import MAX_VERSIONS
from services.mentorships.agreements.usecases.agreements import Agreements, AgreementView
from shared.contracts.payload import Id
from shared.http import PLAIN_INTEGER, ExpectedVersion, IdempotencyKey, SignedIn, Traced, etag, problems, router

Number = Annotated[int, PLAIN_INTEGER, Path(ge=1, le=MAX_VERSIONS)]


def agreements_router(agreements: Agreements) -> APIRouter:
    routes = router(tags=["agreements"])
    path = "/mentorships/{mentorship}/agreement"

    @routes.get(path, response_model_exclude_none=True, responses=problems(404))
    async def see_agreement(mentorship: Id, me: SignedIn, response: Response) -> AgreementRead:
        """With the version in force and an open proposal. For the two people only."""
        return _with_etag(response, await agreements.see(me, mentorship))

    @routes.post(f"{path}/draft", status_code=201, response_model_exclude_none=True, responses=problems(404, 409))
    async def draft_agreement(
        mentorship: Id,
        body: Drafting,
        me: SignedIn,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> AgreementRead:
        """The first version, from the programme's template and with the mentor's own principles. It is nobody's
        signature: each signs it, or proposes a change.
        """
        return _with_etag(response, await agreements.draft(me, mentorship, language=body.language, trace=trace))

    @routes.post(
        f"{path}/versions",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(403, 404, 409, 412, 422, 428),
    )
    async def propose_version(
        mentorship: Id,
        body: ProposalBody,
        me: SignedIn,
        expected: ExpectedVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> AgreementRead:
        """A change or an extension, as a new version that both sign. It replaces an open proposal and its signatures;
        the version in force stays until then. 412 names what has changed since the caller read.
        """
        change = Change(texts=body.clauses.texts(), terms=body.terms.terms(), expected=expected)
        return _with_etag(response, await agreements.propose(me, mentorship, change, trace=trace))

    @routes.post(f"{path}/versions/{{number}}/sign", response_model_exclude_none=True, responses=problems(404, 409))
    async def sign_version(
        mentorship: Id, number: Number, me: SignedIn, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> AgreementRead:
        """The newest version only: a replaced one is refused with the current number. With the second signature it
        is in force, and an introduction becomes active.
        """
        return _with_etag(response, await agreements.sign(me, mentorship, number=number, trace=trace))

    @routes.post(
        f"{path}/versions/{{number}}/withdraw", response_model_exclude_none=True, responses=problems(403, 404, 409)
    )
    async def withdraw_version(
        mentorship: Id, number: Number, me: SignedIn, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> AgreementRead:
        """One's own proposal, until the other person signs it. A version in force stays; without one, either can
        draft again.
        """
        return _with_etag(response, await agreements.withdraw(me, mentorship, number=number, trace=trace))

    return routes


def _with_etag(response: Response, view: AgreementView) -> AgreementRead:
    response.headers["etag"] = etag(view.agreement.version)
    return agreement_read(view)

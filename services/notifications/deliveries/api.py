"""A member's deliveries over HTTP, the intake of bounces and complaints, and the link that unsubscribes."""

from datetime import datetime
from html import escape
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from services.notifications.deliveries.domain.deliveries import Decision, Delivery, State
from services.notifications.deliveries.mail.tokens import UnsubscribeTokens
from services.notifications.deliveries.mail.words import words_of
from services.notifications.deliveries.usecases import Deliveries, Report, ReportKind, Verdict
from services.notifications.preferences.domain.choices import Category
from services.notifications.preferences.usecases import PreferencesUseCases
from services.notifications.wording import supported_locale
from shared import http
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, Limit, Page, SignedIn, page_of, text_after

_MAX_REPORTS = 1_000
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class DecisionRead(BaseModel):
    at: datetime
    state: State
    reason: str = Field(examples=["digest_daily"])
    text: str = Field(description="The reason in the reader's language")
    until: datetime | None = Field(default=None, description="When a planned or deferred mail is due")


class DeliveryRead(BaseModel):
    """One mail about one occasion, and why it was or was not sent."""

    id: str
    channel: Literal["email"] = "email"
    template: str = Field(examples=["request-made"])
    category: Category
    notification: str = Field(description="In the inbox, where it may be deleted by now")
    state: State
    decisions: list[DecisionRead] = Field(description="The oldest first; the last one is in effect")


class ReportBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: ReportKind
    permanent: bool = Field(default=True, description="Of a bounce; one that is not permanent changes nothing")
    message_id: str | None = Field(default=None, max_length=500, description="The Message-ID of the mail")
    address: str | None = Field(default=None, max_length=254, description="Where there is no Message-ID")


class ReportsBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "reports": [{"kind": "bounce", "message_id": "<0190a8f0-2f6b-7c2e-9d3a-5b8e4f1c7a10@example.org>"}]
            }
        },
    )

    reports: Annotated[list[ReportBody], Field(min_length=1, max_length=_MAX_REPORTS)]


class VerdictsRead(BaseModel):
    verdicts: list[Verdict] = Field(description="One for each report, in order; `unknown`: nobody of the institution")


def deliveries_router(deliveries: Deliveries) -> APIRouter:
    router = http.router(tags=["deliveries"])

    @router.get("/me/deliveries")
    async def list_deliveries(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[DeliveryRead]:
        """The newest first, with every decision: why you got a mail, why you did not, or what it waits for."""
        reader, found = await deliveries.page(me, before=text_after(cursor), limit=limit)
        return page_of(
            found,
            lambda delivery: delivery_read(delivery, reader.locale),
            limit=limit,
            position=lambda delivery: delivery.id,
        )

    @router.get("/me/deliveries/{delivery}", responses=http.problems(404))
    async def see_delivery(delivery: Id, me: SignedIn) -> DeliveryRead:
        reader, found = await deliveries.see(me, delivery)
        return delivery_read(found, reader.locale)

    @router.post("/mail-reports")
    async def report(body: ReportsBody, me: SignedIn, _key: IdempotencyKey = None) -> VerdictsRead:
        """Bounces and complaints that the institution's mail system received, by an integrator of the whole
        institution. After a permanent bounce or a complaint the address gets no mail any more, until it changes.
        """
        reports = [_report(each) for each in body.reports]
        return VerdictsRead(verdicts=list(await deliveries.report(me, reports)))

    return router


def unsubscribe_router(preferences: PreferencesUseCases, tokens: UnsubscribeTokens) -> APIRouter:
    """Not in the API's document: for people and their mail programs, without a sign-in.

    GET asks only, because scanners of mail open every link.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/unsubscribe/{token}")
    async def ask(token: str, language: str = "en") -> HTMLResponse:
        words = words_of(supported_locale(language))
        if tokens.read(token) is None:
            return _page(words["unsubscribe_title"], escape(words["unsubscribe_invalid"]), language, status=404)
        button = f'<form method="post"><button>{escape(words["unsubscribe_button"])}</button></form>'
        return _page(words["unsubscribe_title"], button, language)

    @router.post("/unsubscribe/{token}")
    async def unsubscribe(token: str, language: str = "en") -> HTMLResponse:
        """One click (RFC 8058): the body says nothing that the token does not."""
        words = words_of(supported_locale(language))
        found = tokens.read(token)
        if found is None:
            return _page(words["unsubscribe_title"], escape(words["unsubscribe_invalid"]), language, status=404)
        await preferences.unsubscribe(*found)
        return _page(words["unsubscribed_title"], escape(words["unsubscribed_body"]), language)

    return router


def delivery_read(delivery: Delivery, locale: str) -> DeliveryRead:
    reasons = words_of(supported_locale(locale))["reasons"]
    return DeliveryRead(
        id=delivery.id,
        template=delivery.template,
        category=delivery.category,
        notification=delivery.notification,
        state=delivery.state,
        decisions=[_decision_read(decision, reasons[decision.reason]) for decision in delivery.decisions],
    )


def _decision_read(decision: Decision, text: str) -> DecisionRead:
    return DecisionRead(at=decision.at, state=decision.state, reason=decision.reason, text=text, until=decision.until)


def _report(body: ReportBody) -> Report:
    message_id = (body.message_id or "").strip().strip("<>")
    return Report(
        kind=body.kind,
        is_permanent=body.permanent,
        delivery=message_id.partition("@")[0] or None,
        address=body.address,
    )


def _page(title: str, content: str, language: str, *, status: int = 200) -> HTMLResponse:
    """`content` is HTML."""
    page = (
        f'<!doctype html><html lang="{supported_locale(language)}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<h1>{escape(title)}</h1><p>{content}</p></html>"
    )
    return HTMLResponse(page, status, headers=_PAGE_HEADERS)

"""Choices of e-mail, and why each mail was sent or was not."""

import asyncio

from fastapi import APIRouter, Response

from services.web.clients.notifications import Preferences
from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from services.web.preferences.choices import FREQUENCIES, WEEKDAYS, body_of, errors_of, form_from_stored

_TITLES = 200
"""Of how many notifications the titles are looked up: an older mail is shown by its category only."""


def preferences_router() -> APIRouter:
    routes = page_router()

    @routes.get("/preferences")
    async def edit(visit: SignedIn, saved: str = "") -> Response:
        stored, etag = await visit.notifications.preferences()
        form = visit.form if visit.form.values else form_from_stored(stored)
        return _preferences(visit, stored, etag, form, is_saved=bool(saved))

    @routes.post("/preferences")
    async def save(visit: SignedIn, form: Posted) -> Response:
        stored, etag = await visit.notifications.preferences()
        errors = {name: visit.language.refusal(code) for name, code in errors_of(form).items()}
        if errors:
            return _preferences(visit, stored, form.version, form.with_errors(errors))
        try:
            await visit.notifications.change_preferences(body_of(form, stored), etag=form.version)
        except Refused as refused:
            return _preferences(visit, stored, etag, checks.refused_form(visit, form, refused))
        return visit.go("/preferences?saved=yes")

    @routes.get("/preferences/deliveries")
    async def deliveries(visit: SignedIn, after: str | None = None) -> Response:
        (found, following), inbox = await asyncio.gather(
            visit.notifications.deliveries(cursor=after), part(visit.notifications.inbox(limit=_TITLES))
        )
        reader = visit.session.reader if visit.session else None
        return visit.page(
            "preferences/deliveries.html",
            deliveries=found,
            following=following,
            titles={each.id: each.title for each in (inbox.value.items if inbox.value else ())},
            written_in=visit.web.templates.languages.choose(reader.locale if reader else None).tag,
        )

    return routes


def _preferences(
    visit: SignedInVisit, stored: Preferences, etag: str, form: Form, *, is_saved: bool = False
) -> Response:
    return visit.page(
        "preferences/preferences.html",
        status=422 if form.errors or form.problems else 200,
        form=form,
        stored=stored,
        etag=etag,
        is_saved=is_saved,
        frequencies=visit.language.options("frequency", FREQUENCIES),
        weekdays=visit.language.options("weekday", WEEKDAYS),
    )

"""The network's vocabulary for its operator: topics that members write and no term has, and a form for a new term."""

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.labels import N_
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.spreadsheets.cleaning import slug

_KINDS = (("topic", N_("Topic")), ("specialty", N_("Specialty")))


def terms_router() -> APIRouter:
    routes = page_router()

    @routes.get("/vocabulary")
    async def see(visit: SignedIn, name: str = "") -> Response:
        """`name`: an unknown topic, for which the form is filled in."""
        words = name.replace("-", " ").capitalize()
        return await _page(visit, Form({"kind": ["topic"], "english": [words], "names": [name]} if name else {}))

    @routes.post("/vocabulary")
    async def add(visit: SignedIn, form: Posted) -> Response:
        visit.me.require("operator")
        checked = checks.missing(visit, form, english="term_label_missing")
        if checked.errors:
            return await _page(visit, checked)
        english, german = form.text("english").strip(), form.text("german").strip()
        labels = {"en": english, **({"de": german} if german else {})}
        names = [line.strip() for line in form.text("names").splitlines() if line.strip()]
        kind = "specialty" if form.text("kind") == "specialty" else "topic"
        term = {"id": slug(english), "kind": kind, "labels": labels, "other_names": names}
        try:
            await visit.profiles.add_term(term, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _page(visit, checks.refused_form(visit, form, refused))
        return visit.go("/vocabulary")

    return routes


async def _page(visit: SignedInVisit, form: Form) -> Response:
    visit.me.require("operator")
    return visit.page(
        "operator/vocabulary.html",
        status=checks.status_of(form),
        form=form,
        unknown=await visit.profiles.unknown_topics(),
        kinds=[(kind, visit.language.text(label)) for kind, label in _KINDS],
    )

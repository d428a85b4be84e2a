"""Topics that an institution's members write and the network's vocabulary does not have: a coordinator says what they
mean.
"""

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import Term
from services.web.clients.transport import Refused
from services.web.labels import N_
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Slug


def vocabulary_router() -> APIRouter:
    routes = page_router()

    @routes.get("/topics")
    async def see(visit: SignedIn) -> Response:
        visit.me.require("institution_coordinator")
        return visit.page("coordinator/topics.html", unknown=await visit.profiles.unknown_topics())

    @routes.get("/topics/{name}")
    async def choose(name: Slug, visit: SignedIn) -> Response:
        return await _choosing(visit, name, visit.form)

    @routes.post("/topics/{name}")
    async def set_meaning(name: Slug, visit: SignedIn, form: Posted) -> Response:
        checked = checks.missing(visit, form, term="meaning_missing")
        if checked.errors:
            return await _choosing(visit, name, checked)
        try:
            await visit.profiles.add_topic_name(form.text("term"), name, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _choosing(visit, name, checks.refused_form(visit, form, refused))
        return visit.go("/topics")

    return routes


async def _choosing(visit: SignedInVisit, name: str, form: Form) -> Response:
    """The nearest terms come first, then all others by their label."""
    visit.me.require("institution_coordinator")
    unknown = next((each for each in await visit.profiles.unknown_topics() if each.name == name), None)
    if unknown is None:
        raise HTTPException(404)
    labels = {term.id: _label(term, visit) for term in await visit.profiles.topics() if term.successor is None}
    first = [id for id in unknown.nearest if id in labels]
    others = sorted(labels.keys() - set(first), key=lambda term: labels[term].casefold())
    options = [("", visit.language.text(N_("Choose a topic"))), *((id, labels[id]) for id in (*first, *others))]
    return visit.page(
        "coordinator/topic.html", status=checks.status_of(form), form=form, unknown=unknown, options=options
    )


def _label(term: Term, visit: SignedInVisit) -> str:
    return term.labels.get(visit.language.tag) or term.labels["en"]

"""What matters to a mentee: their weights, and who would come first with others before these are saved."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Response

from services.web.clients.matching import Listed
from services.web.clients.profiles import Own, Programme
from services.web.clients.transport import Refused, ServiceDown
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from services.web.pages.weights import FACTORS, MOST_WEIGHT
from services.web.profile.api import change_profile, number_error
from services.web.profile.steps import weights_of

_STALE = 412


@dataclass(frozen=True, slots=True)
class Preview:
    """The first mentors of a programme with other weights, and their ranks with today's."""

    programme: str
    mentors: Sequence[Listed]
    today: Mapping[str, int]


def weights_router() -> APIRouter:
    routes = page_router()

    @routes.get("/profile/weights")
    async def edit(visit: SignedIn) -> Response:
        profile, etag = await visit.profiles.me()
        stored = Form({factor: [str(weight)] for factor, weight in profile.weights.items()})
        return await _weights_page(visit, profile, etag, visit.form if visit.form.values else stored)

    @routes.post("/profile/weights")
    async def try_or_save(visit: SignedIn, form: Posted) -> Response:
        weights, errors = weights_of(form)
        profile, etag = await visit.profiles.me()
        if errors:
            worded = {name: number_error(visit, text, most=MOST_WEIGHT) for name, text in errors.items()}
            return await _weights_page(visit, profile, form.version, form.with_errors(worded))
        if form.text("step") == "try":
            previews = await _previews(visit, profile, weights)
            return await _weights_page(visit, profile, form.version, form, previews=previews)
        refused = await change_profile(visit, {"weights": dict(weights)}, form)
        if refused is None:
            return visit.go("/mentors")
        if refused.status != _STALE:
            return await _weights_page(visit, profile, form.version, checks.refused_form(visit, form, refused))
        return await _weights_page(visit, profile, etag, form.with_errors({}, visit.refusal(refused)))

    return routes


async def _previews(visit: SignedInVisit, profile: Own, weights: Mapping[str, int]) -> Sequence[Preview]:
    """Of each programme of the mentee; those that matching cannot rank at the moment are left out."""
    tried = ",".join(f"{factor}:{weight}" for factor, weight in weights.items())
    programmes = _as_mentee(profile)
    today, then = await asyncio.gather(
        asyncio.gather(*(_ranked(visit, id) for id in programmes)),
        asyncio.gather(*(_ranked(visit, id, weights=tried) for id in programmes)),
    )
    return [
        Preview(id, after, {each.mentor: rank for rank, each in enumerate(before or (), 1)})
        for id, before, after in zip(programmes, today, then, strict=True)
        if after is not None
    ]


async def _ranked(visit: SignedInVisit, programme: str, *, weights: str | None = None) -> Sequence[Listed] | None:
    """None where matching cannot answer: the profile is paused, say, or too many mentors would be compared."""
    try:
        return await visit.matching.ranked_mentors(programme, weights=weights)
    except (Refused, ServiceDown):  # the page says that nothing can be tried
        return None


async def _weights_page(
    visit: SignedInVisit, profile: Own, etag: str, form: Form, *, previews: Sequence[Preview] | None = None
) -> Response:
    shown = [each.mentor for preview in previews or () for each in preview.mentors]
    programmes, cards = await asyncio.gather(part(visit.profiles.programmes()), part(visit.profiles.cards(shown)))
    known: Mapping[str, Programme] = programmes.value or {}
    usual = next((known[id].weights for id in _as_mentee(profile) if id in known), dict[str, int]())
    return visit.page(
        "profile/weights.html",
        status=checks.status_of(form),
        form=form,
        etag=etag,
        factors=FACTORS,
        usual=usual,
        previews=previews,
        programmes=known,
        cards=cards.value or {},
    )


def _as_mentee(profile: Own) -> Sequence[str]:
    return [each.programme for each in profile.enrolments if "mentee" in each.roles]

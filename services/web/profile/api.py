"""The profile: an overview, steps to change it, and the never-list. A change names the version it was made on;
where somebody else changed the profile in between, both versions are shown and nothing typed is lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from services.web.clients.profiles import Own
from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.readers import seen
from services.web.pages.terms import LANGUAGES
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from services.web.profile.steps import STEPS, Step, step_after, step_named
from shared.contracts.payload import Id

_STALE = 412


def profile_router() -> APIRouter:
    routes = page_router()

    @routes.get("/profile")
    async def overview(visit: SignedIn) -> Response:
        profile, _ = await visit.profiles.me()
        await seen(visit, profile)
        return visit.page("profile/overview.html", profile=profile, steps=STEPS, missing=missing(profile))

    @routes.get("/profile/steps/{key}")
    async def edit(key: str, visit: SignedIn) -> Response:
        step = _known(key)
        profile, etag = await visit.profiles.me()
        form = visit.form if visit.form.values else step.form(profile)
        return _step(visit, step, profile, etag, form)

    @routes.post("/profile/steps/{key}")
    async def save(key: str, visit: SignedIn, form: Posted) -> Response:
        return await _save(visit, _known(key), form)

    _never(routes)
    return routes


def _never(routes: APIRouter) -> None:
    @routes.get("/profile/never")
    async def mine(visit: SignedIn) -> Response:
        profile, _ = await visit.profiles.me()
        cards = await part(visit.profiles.cards(profile.never))
        return visit.page("profile/never_list.html", profile=profile, cards=cards.value or {})

    @routes.get("/profile/never/{member}")
    async def confirm(member: Id, visit: SignedIn) -> Response:
        return await _never_page(visit, member, Form())

    @routes.post("/profile/never/{member}")
    async def change(member: Id, visit: SignedIn, form: Posted) -> Response:
        """Adds or removes one person, on whatever the list holds now: no other entry can be lost by it."""
        profile, etag = await visit.profiles.me()
        others = [id for id in profile.never if id != member]
        never = others if form.text("command") == "remove" else [*others, member]
        try:
            await visit.profiles.change_me({"never": never}, etag=etag)
        except Refused as refused:
            return await _never_page(visit, member, checks.refused_form(visit, form, refused))
        return visit.go("/profile/never")


async def _never_page(visit: SignedInVisit, member: str, form: Form) -> Response:
    profile, _ = await visit.profiles.me()
    cards = await part(visit.profiles.cards([member]))
    card = (cards.value or {}).get(member)
    return visit.page("profile/never.html", form=form, member=member, card=card, is_listed=member in profile.never)


async def _save(visit: SignedInVisit, step: Step, form: Form) -> Response:
    profile, etag = await visit.profiles.me()
    values, errors = step.read(form, profile)
    if errors:
        bounds = {field.name: (field.least, field.most) for field in step.fields}
        worded = {
            name: number_error(visit, text, least=bounds[name][0], most=bounds[name][1])
            for name, text in errors.items()
        }
        return _step(visit, step, profile, form.version, form.with_errors(worded), status=422)
    refused = await change_profile(visit, values, form)
    if refused is None:
        following = step_after(step)
        return visit.go(f"/profile/steps/{following.key}" if following and form.text("then") else "/profile")
    if refused.status == _STALE:
        differing = list(step.differences(form, profile))
        return _step(visit, step, profile, etag, form, differing=differing, status=409)
    wrong = checks.refused_form(visit, form, refused)
    return _step(visit, step, profile, form.version, wrong, status=422)


async def change_profile(visit: SignedInVisit, values: Mapping[str, Any], form: Form) -> Refused | None:
    """The refusal, or None."""
    try:
        await seen(visit, await visit.profiles.change_me(values, etag=form.version))
    except Refused as refused:
        return refused
    return None


def _step(
    visit: SignedInVisit,
    step: Step,
    profile: Own,
    etag: str,
    form: Form,
    *,
    differing: Sequence[Any] = (),
    status: int = 200,
) -> Response:
    spoken = dict.fromkeys((*LANGUAGES, *profile.languages))
    return visit.page(
        "profile/step.html",
        status=status,
        form=form,
        step=step,
        number=STEPS.index(step) + 1,
        total=len(STEPS),
        fields=step.fields_for(profile),
        etag=etag,
        differing=differing,
        languages_spoken=sorted(((code, visit.language.language_name(code)) for code in spoken), key=lambda it: it[1]),
    )


def _known(key: str) -> Step:
    step = step_named(key)
    if step is None:
        raise HTTPException(404)
    return step


def missing(profile: Own) -> Sequence[str]:
    """The keys of the steps to fill in before this person is suggested, or mentors are suggested to them."""
    wants = profile.has_role("mentee") and not profile.topics_wanted
    offers = profile.has_role("mentor") and not profile.topics_offered
    can_meet = profile.languages and profile.formats
    return [key for key, lacks in (("topics", wants or offers), ("meeting", not can_meet)) if lacks]


def number_error(visit: SignedInVisit, text: str, *, most: int, least: int = 0) -> str:
    return visit.language.text(text).format(least=least, most=most)

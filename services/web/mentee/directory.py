"""The directory: all mentors of a programme whom the person may ask, the best fit first, with a search."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.labels import LABELS
from services.web.pages import checks
from services.web.pages.forms import Form, form_of, page_router
from services.web.pages.terms import LANGUAGES
from services.web.pages.visits import Part, SignedIn, SignedInVisit, part
from shared.spreadsheets.cleaning import slug

_TERMS = ("topic", "specialty")
_CHOICES = ("stage", "language", "format")
_OWN_PROFILE = frozenset({"paused", "profile_incomplete"})
"""Codes of a refusal that the person's own profile causes."""


def directory_router() -> APIRouter:
    routes = page_router()

    @routes.get("/directory")
    async def search(visit: SignedIn) -> Response:
        lists = await visit.matching.my_suggestions()
        enrolled = [each.programme for each in lists]
        query = visit.request.query_params
        programme = query.get("programme", "") if query.get("programme") in enrolled else next(iter(enrolled), "")
        wanted = {name: query.get(name, "").strip() for name in ("name", *_TERMS, *_CHOICES)}
        form = form_of([("programme", programme), *wanted.items()])
        names, found = await _found(visit, programme, form, query.get("after")) if programme else ({}, Part())
        return await _page(visit, enrolled, form, found, names)

    return routes


async def _found(visit: SignedInVisit, programme: str, form: Form, after: str | None) -> tuple[Mapping[str, str], Part]:
    """Names that were searched for, by mentor; and a page of mentors with the cursor of the next, or the refusal."""
    wanted = {name: slug(form.text(name)) or None for name in _TERMS}
    wanted |= {name: form.text(name) or None for name in _CHOICES}
    names: Mapping[str, str] = {}
    try:
        if form.text("name"):
            names = await visit.profiles.mentors_named(programme, form.text("name"))
            if not names:
                return {}, Part(((), None))
        return names, Part(await visit.matching.directory(programme, cursor=after, mentor=names, **wanted))
    except Refused as refused:
        return names, Part(refused)


async def _page(
    visit: SignedInVisit, enrolled: list[str], form: Form, found: Part, searched: Mapping[str, str]
) -> Response:
    refused = found.value if isinstance(found.value, Refused) else None
    own = refused.code if refused and refused.code in _OWN_PROFILE else ""
    if refused and not own:
        form = checks.refused_form(visit, form, refused)
    mentors, following = found.value if found.value and not refused else ((), None)
    cards, programmes, pending = await asyncio.gather(
        part(visit.profiles.cards(each.mentor for each in mentors)),
        part(visit.profiles.programmes()),
        part(visit.matching.my_requests(side="mentee", state="pending")),
    )
    names = programmes.value or {}
    return visit.page(
        "mentee/directory.html",
        status=422 if form.errors or form.problems else 200,
        form=form,
        own_reason=own,
        mentors=mentors,
        searched=searched,
        following=following,
        cards=cards.value or {},
        asked={(each.programme, each.mentor.member): each.id for each in pending.value or ()},
        enrolled=[(id, names[id].name if id in names else id) for id in enrolled],
        stages=visit.language.options("stage", list(LABELS["stage"])),
        formats=visit.language.options("format", list(LABELS["format"])),
        languages_spoken=[(code, visit.language.language_name(code)) for code in LANGUAGES],
        query={name: value for name, values in form.values.items() for value in values if value},
        down=sorted({cards.down, programmes.down, pending.down} - {""}),
    )

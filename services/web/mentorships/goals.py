"""Goals: the mentee sets, changes and completes them; the mentor comments on those that are shared."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from services.web.clients.transport import Refused
from services.web.mentorships import about
from services.web.pages import checks
from services.web.pages.forms import Form, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit
from shared.contracts.payload import Id

_MOVES = ("complete", "drop", "reopen")


def goals_router() -> APIRouter:
    routes = page_router()

    @routes.get("/mentorships/{mentorship}/goals")
    async def goals(mentorship: Id, visit: SignedIn) -> Response:
        (found, _), goals = await asyncio.gather(about.find(visit, mentorship), visit.mentorships.goals(mentorship))
        return about.page(
            visit,
            "goals.html",
            found,
            current=[goal for goal in goals if goal.state == "open"],
            past=[goal for goal in goals if goal.state != "open"],
        )

    _set(routes)
    _one(routes)
    _change(routes)
    return routes


def _set(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/goals/new")
    async def write(mentorship: Id, visit: SignedIn) -> Response:
        return await _writing(visit, mentorship, visit.form)

    @routes.post("/mentorships/{mentorship}/goals/new")
    async def set_goal(mentorship: Id, visit: SignedIn, form: Posted) -> Response:
        checked = checks.missing(visit, form, title="goal_title_missing")
        if checked.errors:
            return await _writing(visit, mentorship, checked)
        try:
            goal = await visit.mentorships.set_goal(mentorship, _body(form), idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _writing(visit, mentorship, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/goals/{goal.id}")


def _one(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/goals/{goal}")
    async def see(mentorship: Id, goal: Id, visit: SignedIn) -> Response:
        return await _goal(visit, mentorship, goal, visit.form)

    @routes.post("/mentorships/{mentorship}/goals/{goal}")
    async def move_or_comment(mentorship: Id, goal: Id, visit: SignedIn, form: Posted) -> Response:
        command = form.text("command")
        try:
            if command in _MOVES:
                await visit.mentorships.move_goal(
                    goal, command, etag=form.version, idempotency_key=form.idempotency_key
                )
            else:
                checked = checks.missing(visit, form, text="comment_missing")
                if checked.errors:
                    return await _goal(visit, mentorship, goal, checked)
                audience = "author" if form.has("private", "yes") else "pair"
                await visit.mentorships.comment(
                    goal, text=form.text("text"), audience=audience, idempotency_key=form.idempotency_key
                )
        except Refused as refused:
            return await _goal(visit, mentorship, goal, checks.refused_form(visit, form, refused))
        return visit.go(f"/mentorships/{mentorship}/goals/{goal}")


def _change(routes: APIRouter) -> None:
    @routes.get("/mentorships/{mentorship}/goals/{goal}/change")
    async def edit(mentorship: Id, goal: Id, visit: SignedIn) -> Response:
        return await _writing(visit, mentorship, visit.form, goal=goal)

    @routes.post("/mentorships/{mentorship}/goals/{goal}/change")
    async def change(mentorship: Id, goal: Id, visit: SignedIn, form: Posted) -> Response:
        checked = checks.missing(visit, form, title="goal_title_missing")
        if checked.errors:
            return await _writing(visit, mentorship, checked, goal=goal)
        try:
            await visit.mentorships.change_goal(goal, _body(form), etag=form.version)
        except Refused as refused:
            return await _writing(visit, mentorship, checks.refused_form(visit, form, refused), goal=goal)
        return visit.go(f"/mentorships/{mentorship}/goals/{goal}")


async def _writing(visit: SignedInVisit, mentorship: str, form: Form, *, goal: str = "") -> Response:
    found, etag = (await about.find(visit, mentorship))[0], ""
    if goal:
        known, etag = await visit.mentorships.goal(goal)
        if not form.values:
            shared = ["yes"] if known.shared else []
            form = Form({"title": [known.title], "description": [known.description], "shared": shared})
    elif not form.values:
        form = Form({"shared": ["yes"]})
    return about.page(visit, "goal_form.html", found, form, etag=etag, goal=goal)


async def _goal(visit: SignedInVisit, mentorship: str, id: str, form: Form) -> Response:
    (found, _), (goal, etag) = await asyncio.gather(about.find(visit, mentorship), visit.mentorships.goal(id))
    return about.page(visit, "goal.html", found, form, goal=goal, etag=etag)


def _body(form: Form) -> Mapping[str, Any]:
    return {
        "title": form.text("title").strip(),
        "description": form.text("description"),
        "shared": form.has("shared", "yes"),
    }

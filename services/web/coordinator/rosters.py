"""Rosters: a file with its mapping is tried first, row by row; importing it is the same form with the other button."""

from collections.abc import Sequence

from fastapi import APIRouter, Response

from services.web.clients.profiles import Row
from services.web.clients.transport import Refused
from services.web.pages import checks
from services.web.pages.files import csv_file
from services.web.pages.forms import Form, UploadRoute, page_router
from services.web.pages.visits import Posted, SignedIn, SignedInVisit, part
from shared.contracts.payload import Id
from shared.spreadsheets.tables import ADVICE_COLUMN, LINE_COLUMN

_ROWS = 200
_MOST_REFUSED = 50_000


def rosters_router() -> APIRouter:
    routes = page_router(route_class=UploadRoute)

    @routes.get("/rosters")
    async def rosters(visit: SignedIn) -> Response:
        return await _rosters(visit, Form({"section": [""]}))

    @routes.post("/rosters")
    async def upload(visit: SignedIn, form: Posted) -> Response:
        missing = [name for name in ("file", "mapping") if name not in form.files]
        missing += [] if form.text("section").strip() else ["section"]
        if missing:
            wrong = form.with_errors({name: visit.language.refusal(f"{name}_missing") for name in missing})
            return await _rosters(visit, wrong)
        files = {name: (file.filename or name, await file.read()) for name, file in form.files.items()}
        step = "import" if form.text("step") == "import" else "try"
        fields = {
            "section": form.text("section").strip(),
            "dry_run": str(step != "import").lower(),
            "reactivate": str(form.has("reactivate", "yes")).lower(),
            "same_person": form.text("same_person"),
        }
        try:
            roster = await visit.profiles.upload_roster(fields, files, idempotency_key=f"{form.idempotency_key}-{step}")
        except Refused as refused:
            return await _rosters(visit, checks.refused_form(visit, form, refused))
        return visit.go(f"/rosters/{roster.id}")

    _one(routes)
    return routes


def _one(routes: APIRouter) -> None:
    @routes.get("/rosters/{roster}")
    async def see(roster: Id, visit: SignedIn) -> Response:
        return await _roster(visit, roster, Form())

    @routes.get("/rosters/{roster}/refused.csv")
    async def refused_rows(roster: Id, visit: SignedIn) -> Response:
        """With a column that says what to do; mended, the file is imported with the same mapping."""
        visit.me.require("coordinator")
        found = await visit.profiles.roster(roster)
        rows = await visit.profiles.rows(roster, verdict="refused", most=_MOST_REFUSED)
        own = [at for at, title in enumerate(found.titles) if title not in (LINE_COLUMN, ADVICE_COLUMN)]
        titles = [*(found.titles[at] for at in own), LINE_COLUMN, ADVICE_COLUMN]
        return csv_file("refused-rows", titles, [_refused_row(visit, row, own) for row in rows])

    @routes.post("/rosters/{roster}")
    async def undo(roster: Id, visit: SignedIn, form: Posted) -> Response:
        try:
            await visit.profiles.undo_roster(roster, idempotency_key=form.idempotency_key)
        except Refused as refused:
            return await _roster(visit, roster, checks.refused_form(visit, form, refused))
        return visit.go(f"/rosters/{roster}")


async def _rosters(visit: SignedInVisit, form: Form) -> Response:
    visit.me.require("coordinator")
    earlier = await part(visit.profiles.rosters())
    status = 422 if form.errors or form.problems else 200
    return visit.page("coordinator/rosters.html", status=status, form=form, rosters=earlier.value or ())


async def _roster(visit: SignedInVisit, id: str, form: Form) -> Response:
    visit.me.require("coordinator")
    return visit.page(
        "coordinator/roster.html",
        status=checks.status_of(form),
        form=form,
        roster=await visit.profiles.roster(id),
        refused=await visit.profiles.rows(id, verdict="refused", most=_ROWS),
        remarks=await visit.profiles.rows(id, remarks="true", most=_ROWS),
        left=await visit.profiles.rows(id, undone="left", most=_ROWS),
    )


def _refused_row(visit: SignedInVisit, row: Row, own: Sequence[int]) -> Sequence[str]:
    """`own`: the positions of the file's own columns."""
    advice = [
        ": ".join(filter(None, (reason.column, visit.language.about_row(reason.message)[0]))) for reason in row.reasons
    ]
    cells = [row.cells[at] if at < len(row.cells) else "" for at in own]
    return [*cells, str(row.line), "; ".join(advice)]

"""Rosters over HTTP: upload, progress, verdicts."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from pydantic import BaseModel

from services.profiles.rosters.domain.merging import Verdict
from services.profiles.rosters.domain.undoing import Undone
from services.profiles.rosters.usecases import Answers, Roster, RosterIntake, RowFilter, RowResult, State
from shared.contracts.payload import Id
from shared.errors import Rejected
from shared.http import (
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    line_after,
    moment_before,
    page_of,
    problems,
    router,
)
from shared.spreadsheets.cleaning import clean_cell, clean_number
from shared.text import Line

_MAPPING_AND_FORM_BYTES = 1_000_000
_MAX_ANSWERS = 100_000
"""Characters: some thousand staff numbers."""


class Counts(BaseModel):
    """In a dry run: what an import would do."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


class RosterView(BaseModel):
    """`status`: waiting (applied now or soon), done, failed (the upload was cut off; nothing was imported), undoing or
    undone.
    """

    id: str
    section: str
    dry_run: bool
    status: State
    rows: int
    titles: tuple[str, ...]
    """Of the file's columns."""
    counts: Counts
    created_at: datetime
    finished_at: datetime | None
    undo_until: datetime | None
    """How long the import can be undone; null where it cannot."""
    undone: int
    """Rows that were undone."""
    left: int
    """Rows that were not, because their member was changed since."""


class ReasonView(BaseModel):
    column: str
    """Empty if the reason concerns the whole row."""
    message: str


class RowView(BaseModel):
    line: int
    """Where the row begins in the file; the header is line 1."""
    verdict: Verdict
    member: str | None
    reasons: list[ReasonView]
    kept: tuple[str, ...]
    """Fields where a later edit stays, because the mapping does not declare them authoritative."""
    undone: Undone | None
    cells: tuple[str, ...]
    """Of a refused row, as in the file, for 30 days, without columns that are not read; none of others, and of rows of
    more than 8,000 characters.
    """


def _view(roster: Roster) -> RosterView:
    return RosterView(
        id=roster.id,
        section=roster.section,
        dry_run=roster.dry_run,
        status=roster.state,
        rows=roster.rows,
        titles=roster.titles,
        counts=Counts.model_validate(roster.counts),
        created_at=roster.created_at,
        finished_at=roster.finished_at,
        undo_until=roster.undo_until(),
        undone=roster.undone.get("undone", 0),
        left=roster.undone.get("left", 0),
    )


def _row_view(row: RowResult) -> RowView:
    reasons = [ReasonView(column=reason.column, message=reason.message) for reason in row.reasons]
    return RowView(
        line=row.line,
        verdict=row.verdict,
        member=row.member,
        reasons=reasons,
        kept=row.kept,
        undone=row.undone,
        cells=row.cells,
    )


def _numbers(lines: str) -> frozenset[str]:
    return frozenset(number for line in lines.splitlines() if (number := clean_number(clean_cell(line))))


def rosters_router(rosters: RosterIntake, *, max_bytes: int) -> APIRouter:
    routes = router(prefix="/rosters", tags=["rosters"], max_body_bytes=max_bytes + _MAPPING_AND_FORM_BYTES)

    @routes.post("", status_code=202)
    async def receive(  # noqa: PLR0913 -- what an upload consists of
        file: Annotated[UploadFile, File(description="CSV, UTF-8, the first line names the columns")],
        mapping: Annotated[UploadFile, File(description="YAML or JSON (docs: rosters)")],
        section: Annotated[
            Line, Form(min_length=1, max_length=200, description="Which section of the mapping reads this file")
        ],
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        *,
        dry_run: Annotated[bool, Form(description="Show what would happen, and change nothing")] = False,
        reactivate: Annotated[bool, Form(description="By a coordinator: inactive members become active again")] = False,
        same_person: Annotated[
            str,
            Form(
                max_length=_MAX_ANSWERS,
                description="By a coordinator: new staff numbers, one a line, of members who keep their e-mail address",
            ),
        ] = "",
        _key: IdempotencyKey = None,
    ) -> RosterView:
        """By a coordinator or an integrator. The file is checked and stored at once, then applied in the background."""
        if (file.size or 0) > max_bytes:
            raise Rejected(
                "roster_too_large", f"a roster may have at most {max_bytes // 1_000_000} MB: send it in parts"
            )
        roster = await rosters.receive(
            me,
            id=id,
            file=file.file,
            mapping_text=await mapping.read(),
            section_name=section,
            dry_run=dry_run,
            trace=trace,
            answers=Answers(reactivate=reactivate, same_person=_numbers(same_person)),
        )
        response.headers["location"] = f"/rosters/{roster.id}"
        return _view(roster)

    @routes.get("")
    async def page(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[RosterView]:
        """The institution's, newest first."""
        found = await rosters.page(me, before=moment_before(cursor), limit=limit)
        return page_of(found, _view, limit=limit, position=lambda roster: (roster.created_at, roster.id))

    @routes.get("/{roster}", responses=problems(404))
    async def see(roster: Id, me: SignedIn) -> RosterView:
        return _view(await rosters.see(me, roster))

    @routes.post("/{roster}/undo", status_code=202, responses=problems(403, 404, 409))
    async def undo(roster: Id, me: SignedIn, _key: IdempotencyKey = None) -> RosterView:
        """By a coordinator, within a day. Members whom the import added are erased, changed ones get their earlier
        values back; members who were changed since stay as they are.
        """
        return _view(await rosters.undo(me, roster))

    @routes.get("/{roster}/rows", responses=problems(404))
    async def rows(
        roster: Id,
        me: SignedIn,
        *,
        verdict: Verdict | None = None,
        remarks: Annotated[bool, Query(description="Only rows that are not refused and have a reason")] = False,
        undone: Annotated[Undone | None, Query(description="Only rows that were undone, or left as they are")] = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[RowView]:
        """Every row's verdict, by line."""
        wanted = RowFilter(verdict=verdict, remarks=remarks, undone=undone)
        found = await rosters.verdicts(me, roster, wanted, after=line_after(cursor), limit=limit)
        return page_of(found, _row_view, limit=limit, position=lambda row: row.line)

    return routes
